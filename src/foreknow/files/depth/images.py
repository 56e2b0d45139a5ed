"""One depth image: PNG and TIFF of 16 bits, TIFF of floats; from a file or from bytes inside another file."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foreknow.errors import ForeknowError, InputFileError

_LARGEST_SIDE = 8192
_FAULTS = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, OverflowError, struct.error, zlib.error, EOFError)


def imaging_library() -> Any:  # noqa: ANN401  (as the other libraries that are imported late)
    """The module ``PIL.Image``, imported when it is first needed.

    Raises:
        ForeknowError: if it is not installed.
    """
    try:
        from PIL import Image  # noqa: PLC0415
    except ImportError as error:
        message = "reading images needs the library Pillow; install it with: pip install 'foreknow[swallow]'"
        raise ForeknowError(message) from error
    return Image


def read_depth_image(source: Path | bytes, name: str) -> NDArray[np.generic]:
    """The values of a one-channel image, (height, width), 16-bit integers or floats.

    Args:
        source: a file, or the bytes of one.
        name: for the sentences.

    Raises:
        InputFileError: if it is damaged, too large, or has colours or only 8 bits.
        ForeknowError: if Pillow is not installed.
    """
    library = imaging_library()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with library.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=("PNG", "TIFF")) as image:
                mode, (width, height) = str(image.mode), image.size
                if max(width, height) <= _LARGEST_SIDE and (mode in {"I", "F"} or mode.startswith("I;16")):
                    values: NDArray[np.generic] = np.asarray(image)
                    return values
    except (*_FAULTS, Warning, library.DecompressionBombError) as error:
        message = f"{name} is no PNG or TIFF image that can be read to its end; copy or export it again"
        raise InputFileError(message) from error
    if max(width, height) > _LARGEST_SIDE:
        message = f"{name} claims {width} x {height} pixels, which no depth camera has; export it again"
    else:
        message = f"{name} is a picture (mode {mode}), not depth: one channel of 16 bits is needed; export the depth itself"
    raise InputFileError(message)


def encode_png(counts: NDArray[np.uint16]) -> bytes:
    """A 16-bit grey PNG, (height, width) -> bytes, without metadata; the same counts give the same bytes."""
    buffer = io.BytesIO()
    imaging_library().fromarray(counts).save(buffer, format="PNG", compress_level=4)
    return buffer.getvalue()
