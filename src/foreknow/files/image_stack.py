"""Frames as pictures: a TIFF of one or more pages, one PNG, or a folder of such pictures; read some at a time."""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foreknow.errors import InputFileError
from foreknow.files.names import natural_order

IMAGE_SUFFIXES = frozenset({".png", ".tif", ".tiff"})
_TIFF = frozenset({".tif", ".tiff"})
_LARGEST_SIDE, _MOST_FRAMES = 8192, 20_000
_FAULTS = (OSError, SyntaxError, ValueError, TypeError, LookupError, OverflowError, RuntimeError, struct.error, zlib.error)


@dataclass(frozen=True)
class ImageStack:
    """Pictures of one size that follow each other.

    Attributes:
        files: in order; a TIFF may hold several frames.
        frames: how many in all.
        rows: of a frame, pixels.
        columns: likewise.
        bits: of an integer value, 8 or 16; 0 for floats.
        counts: (files,) frames of each file.
    """

    files: tuple[Path, ...] = field(repr=False)
    frames: int
    rows: int
    columns: int
    bits: int
    counts: tuple[int, ...] = field(repr=False)

    def blocks(self, name: str, size: int = 8) -> Iterator[NDArray[np.generic]]:
        """Frames in their own type, colours as their mean: (size or fewer, rows, columns).

        Raises:
            InputFileError: if a picture is damaged or of another size than the first.
        """
        frames = self._frames(name)
        while block := list(islice(frames, size)):
            yield np.stack(block)

    def _frames(self, name: str) -> Iterator[NDArray[np.generic]]:
        for number, file in enumerate(self.files, start=1):
            with _sentences(name, number, len(self.files)):
                for page in _pages(file):
                    frame = _grey(page)
                    if frame.shape != (self.rows, self.columns):
                        message = f"{name} has pictures of different sizes; give frames of one run"
                        raise InputFileError(message)
                    yield frame


def open_image_stack(path: Path, name: str) -> ImageStack:
    """Look at a picture or a folder of pictures, whose natural order (``2`` before ``10``) is that of the frames.

    Args:
        path: the file or folder.
        name: what sentences call it.

    Raises:
        InputFileError: if it is damaged, empty or too large, or the pictures differ in size or type.
    """
    files = [path]
    if path.is_dir():
        inside = [file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".")]
        files = sorted(inside, key=lambda file: natural_order(file.name))
        if not files:
            message = f"{name} is a folder without pictures; frames end in .png or .tif"
            raise InputFileError(message)
    seen: set[tuple[tuple[int, ...], np.dtype[np.generic]]] = set()
    counts: list[int] = []
    for number, file in enumerate(files, start=1):
        with _sentences(name, number, len(files)):
            count, shape, kind = _look(file)
        counts.append(count)
        seen.add((shape, kind))
    if len(seen) > 1:
        message = f"{name} has pictures of different sizes or types; give frames of one run"
        raise InputFileError(message)
    shape, kind = seen.pop()
    if sum(counts) > _MOST_FRAMES or max(shape) > _LARGEST_SIDE:
        message = f"{name} claims {sum(counts)} frames of {shape[1]} x {shape[0]} pixels, which no X-ray system makes"
        raise InputFileError(message)
    if kind.kind not in "uf" or (kind.kind == "u" and kind.itemsize > 2):
        message = f"{name} has pixels of the type {kind}; give grey frames of 8 or 16 bits, or floats"
        raise InputFileError(message)
    bits = 8 * kind.itemsize if kind.kind == "u" else 0
    return ImageStack(tuple(files), sum(counts), shape[0], shape[1], bits, tuple(counts))


def _look(file: Path) -> tuple[int, tuple[int, ...], np.dtype[np.generic]]:
    """Frames, size and type of a file, by its header where that is quick."""
    if file.suffix.lower() in _TIFF:
        import tifffile  # noqa: PLC0415

        with tifffile.TiffFile(file) as tiff:
            page = tiff.pages[0]
            shape = tuple(page.shape)
            return len(tiff.pages), shape[:2], np.dtype(page.dtype)
    frame = _grey(next(iter(_pages(file))))
    return 1, frame.shape, frame.dtype


def _pages(file: Path) -> Iterator[NDArray[np.generic]]:
    if file.suffix.lower() in _TIFF:
        import tifffile  # noqa: PLC0415

        with tifffile.TiffFile(file) as tiff:
            for page in tiff.pages:
                yield page.asarray()
        return
    from PIL import Image  # noqa: PLC0415

    with Image.open(file, formats=("PNG",)) as image:
        if max(image.size) > _LARGEST_SIDE:
            message = "too large"
            raise ValueError(message)
        wide = image.mode.startswith("I")
        shown = image if wide or image.mode in {"L", "RGB"} else image.convert("L")
        yield np.asarray(shown).astype(np.uint16 if wide else np.uint8)


def _grey(page: NDArray[np.generic]) -> NDArray[np.generic]:
    if page.ndim == 3 and page.shape[-1] in {3, 4}:
        return page[..., :3].astype(np.float32).mean(axis=-1).round().astype(page.dtype)
    if page.ndim != 2:
        message = "not a picture"
        raise ValueError(message)
    return page


@contextmanager
def _sentences(name: str, number: int, count: int) -> Iterator[None]:
    """What a library raises becomes a sentence; it does not name the file, which may be called after a person."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except InputFileError:
        raise
    except _FAULTS:
        where = f" (picture {number} of {count})" if count > 1 else ""
        message = f"{name}{where} is no PNG or TIFF picture that can be read to its end; copy or export it again"
        raise InputFileError(message) from None
