"""Between a camera's 16-bit counts and metres; 0 counts are a pixel that saw nothing."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foreknow.errors import DataError, InputFileError, ParameterError
from foreknow.files.depth.video import LARGEST_BYTES

USUAL_UNIT = 0.001
"""Metres of a count that most cameras use."""

_MOST_COUNTS = 65_535
_FARTHEST = 100.0  # metres; no depth camera sees as far


def check_unit(unit: float | None) -> None:
    """Check that a unit is one that a depth camera can have.

    Raises:
        ParameterError: if it is not between 1 um and 0.1 m.
    """
    if unit is not None and not 1e-6 <= unit <= 0.1:
        message = f"the depth unit is the metres of one count, between 0.000001 and 0.1, not {unit}"
        raise ParameterError(message)


def require_size(shape: tuple[int, ...], name: str) -> None:
    """Check that a video (time, height, width) is neither empty nor too large for memory, before anything is allocated.

    Raises:
        InputFileError: if it is.
    """
    count, height, width = shape
    if min(shape) < 1:
        message = f"{name} holds no frames; record it again"
        raise InputFileError(message)
    if count * height * width * 4 > LARGEST_BYTES:
        size = f"{count} frames of {width} x {height} pixels"
        message = f"{name} holds {size}, more than {LARGEST_BYTES >> 30} GiB in memory; cut it into shorter recordings"
        raise InputFileError(message)


def to_metres(values: NDArray[np.generic], unit: float | None, name: str) -> Tensor:
    """Depth as a file holds it -> metres, float32, NaN where nothing was seen (0, NaN or infinite).

    Args:
        values: integers of at most 16 bits (counts), or floats (metres, or multiples of ``unit`` where it is given).
        unit: metres of a count; for integers None means `USUAL_UNIT`.
        name: of the file, for the sentence.

    Raises:
        InputFileError: if the values are neither, are negative, or cannot be metres.
    """
    if values.dtype.kind in "iu":
        if values.size and (int(values.min()) < 0 or int(values.max()) > _MOST_COUNTS):
            message = f"{name} holds depth counts outside 0 to {_MOST_COUNTS}; export it as 16-bit counts or as metres"
            raise InputFileError(message)
        metres = torch.from_numpy(values.astype(np.float32)).mul_(USUAL_UNIT if unit is None else unit)
    elif values.dtype.kind == "f":
        metres = torch.from_numpy(values.astype(np.float32)).mul_(1.0 if unit is None else unit)
        metres[~metres.isfinite()] = 0.0
        if bool((metres < 0).any()) or float(metres.max()) > _FARTHEST:
            message = f"{name} holds depths from {float(metres.min()):.3g} to {float(metres.max()):.3g} m; give the depth unit"
            raise InputFileError(message)
    else:
        message = f"{name} holds {values.dtype} where depth is expected; export it as 16-bit counts or as metres"
        raise InputFileError(message)
    metres[metres == 0] = torch.nan
    return metres


def to_counts(metres: Tensor, unit: float) -> NDArray[np.uint16]:
    """Metres -> 16-bit counts, 0 where nothing was seen.

    Raises:
        DataError: if a depth needs more than 16 bits.
    """
    check_unit(unit)
    counts = (metres.to(torch.float64) / unit).round().nan_to_num(0.0)
    if bool((counts > _MOST_COUNTS).any() or (counts < 0).any()):
        message = f"a depth of {float(counts.max()) * unit:.3f} m does not fit into 16 bits of {unit} m; choose a larger unit"
        raise DataError(message)
    return counts.cpu().numpy().astype(np.uint16)
