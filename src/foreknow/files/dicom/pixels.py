"""The stored values of frames, some at a time, whatever their encoding."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels.utils import iter_pixels

from foreknow.errors import InputFileError
from foreknow.files.dicom.header import DicomFrames
from foreknow.files.dicom.quiet import without_quotes


def stored_blocks(path: Path, header: DicomFrames, name: str, size: int = 8) -> Iterator[NDArray[np.int32]]:
    """Frames as they are stored, without what lies in unused bits; colours as their mean.

    Args:
        path: the file.
        header: what `read_header` said of it.
        name: what sentences call it.
        size: frames of a block; memory for so many is used, whatever the length of the run.

    Yields:
        (size or fewer, rows, columns), the last frames last.

    Raises:
        InputFileError: if the file is cut off, damaged, or encoded in a way for which there is no decoder.
    """
    frames = _frames(path, header, name)
    while block := list(islice(frames, size)):
        yield np.stack(block)


def _frames(path: Path, header: DicomFrames, name: str) -> Iterator[NDArray[np.int32]]:
    source, count = iter_pixels(path), 0
    shape = (header.rows, header.columns)
    while count < header.frames:
        frame = _next(source, name)
        if frame is None or frame.shape[:2] != shape:
            message = (
                f"{name} is cut off: it has {count} whole frames of the {header.frames} that its header promises; copy it again"
            )
            raise InputFileError(message)
        yield _plain(frame, header)
        count += 1


def _next(source: Iterator[NDArray[np.generic]], name: str) -> NDArray[np.generic] | None:
    with without_quotes():
        try:
            return next(source, None)
        except OSError as error:
            message = f"{name} cannot be read ({error.strerror or 'an input error'}); copy it again"
        except NotImplementedError:
            message = f"{name} is encoded in a way for which there is no decoder here (a video, say); export it uncompressed"
        except Exception:  # noqa: BLE001  (decoders raise whatever the damage leads to, and may quote fields)
            message = f"{name} has frames that are damaged or cut off; copy or export it again"
    raise InputFileError(message) from None


def _plain(frame: NDArray[np.generic], header: DicomFrames) -> NDArray[np.int32]:
    if header.colours:
        return frame.astype(np.float32).mean(axis=-1).round().astype(np.int32)
    values = frame.astype(np.int32) & (2**header.bits - 1)
    if header.signed:
        values -= (values >> (header.bits - 1)) << header.bits
    return values
