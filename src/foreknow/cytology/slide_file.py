"""Whole slides read in windows: large TIFFs and JPEGs by what is here, scanner formats by openslide."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from foreknow.cytology.image_file import SLIDE_SUFFIXES, tiff_pixel_size, usable_pixels
from foreknow.errors import ForeknowError, InputFileError
from foreknow.files import display_name

LARGE = 12_000_000
"""Pixels from which an image is worked on in tiles."""
_WORKING_UM = 0.5
_TIFF = frozenset({".tif", ".tiff", ".svs", ".scn", ".ndpi", ".bif"})


@dataclass(frozen=True)
class SlideWindow:
    """A part of a slide.

    Attributes:
        pixels: (height, width[, 3]); white where nothing was scanned.
        seen: (height, width), what was scanned; None for all.
    """

    pixels: NDArray[np.generic] = field(repr=False)
    seen: NDArray[np.bool_] | None = field(default=None, repr=False)


class Slide(AbstractContextManager["Slide"], ABC):
    """An image of any size that is read in windows.

    Attributes:
        size: (height, width) in pixels of the level that is worked on.
        pixel_um: side of such a pixel, micrometres; None where it is not known.
        downsample: pixels of the full size for one of these.
    """

    size: tuple[int, int]
    pixel_um: float | None
    downsample: float = 1.0

    @abstractmethod
    def window(self, top: int, left: int, height: int, width: int) -> SlideWindow:
        """A window inside the slide."""

    @final
    def read(self, top: int, left: int, height: int, width: int) -> NDArray[np.generic]:
        """Its pixels alone, (height, width[, 3])."""
        return self.window(top, left, height, width).pixels

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class ArraySlide(Slide):
    """An array in memory or mapped to it, (height, width[, 3])."""

    def __init__(self, pixels: NDArray[np.generic], pixel_um: float | None = None) -> None:
        self._pixels: NDArray[np.generic] | None = pixels
        self.size = (pixels.shape[0], pixels.shape[1])
        self.pixel_um = pixel_um

    def window(self, top: int, left: int, height: int, width: int) -> SlideWindow:
        """A copy of the window."""
        assert self._pixels is not None  # noqa: S101  (not closed)
        return SlideWindow(np.array(self._pixels[top : top + height, left : left + width]))

    def close(self) -> None:
        """Forget the array."""
        self._pixels = None


class ReducedSlide(Slide):
    """A slide at a part of its resolution: means of squares of pixels.

    Args:
        slide: the whole.
        factor: side of a square.
    """

    def __init__(self, slide: Slide, factor: int) -> None:
        self._slide = slide
        self._factor = factor
        self.size = (slide.size[0] // factor, slide.size[1] // factor)
        self.pixel_um = None if slide.pixel_um is None else slide.pixel_um * factor
        self.downsample = slide.downsample * factor

    def window(self, top: int, left: int, height: int, width: int) -> SlideWindow:
        """Means of the squares, in the type of the slide; seen are those that were scanned as a whole."""
        step = self._factor
        whole = self._slide.window(top * step, left * step, height * step, width * step)
        fine, seen = whole.pixels, whole.seen
        squares = fine.reshape(height, step, width, step, *fine.shape[2:]).mean(axis=(1, 3), dtype=np.float32)
        return SlideWindow(
            squares.astype(fine.dtype) if fine.dtype.kind == "f" else np.round(squares).astype(fine.dtype),
            None if seen is None else np.asarray(seen.reshape(height, step, width, step).all(axis=(1, 3))),
        )

    def close(self) -> None:
        """Close the whole."""
        self._slide.close()


class TiffSlide(Slide):
    """The level of a TIFF, pyramidal or not, that is nearest to half a micrometre a pixel; segments are decoded as asked for."""

    def __init__(self, path: Path) -> None:
        import tifffile  # noqa: PLC0415
        import zarr  # noqa: PLC0415

        self._tiff = tifffile.TiffFile(path)
        series = self._tiff.series[0]
        base = tiff_pixel_size(self._tiff)
        level = level_for(base, [series.levels[0].shape[_rows(series)] / one.shape[_rows(one)] for one in series.levels])
        chosen = series.levels[level]
        self._first = chosen.axes.startswith(("S", "C"))
        opened: Any = zarr.open(series.aszarr(level=level), mode="r")
        self._array = opened if hasattr(opened, "shape") else opened["0"]
        self.downsample = series.levels[0].shape[_rows(series)] / chosen.shape[_rows(chosen)]
        self.size = (chosen.shape[_rows(chosen)], chosen.shape[_rows(chosen) + 1])
        self.pixel_um = None if base is None else base * self.downsample

    def window(self, top: int, left: int, height: int, width: int) -> SlideWindow:
        """Decode the segments under the window."""
        rows, columns = slice(top, top + height), slice(left, left + width)
        window = self._array[:, rows, columns] if self._first else self._array[rows, columns]
        return SlideWindow(usable_pixels(np.asarray(window), "the slide"))

    def close(self) -> None:
        """Close the file."""
        self._tiff.close()


class OpenSlideSlide(Slide):
    """A scanner's format through openslide; parts that are transparent were not scanned."""

    def __init__(self, path: Path) -> None:
        openslide = _openslide()
        self._slide: Any = openslide.OpenSlide(str(path))
        size = self._slide.properties.get("openslide.mpp-x")
        base = float(size) if size else None
        self._level = level_for(base, list(self._slide.level_downsamples))
        self.downsample = float(self._slide.level_downsamples[self._level])
        width, height = self._slide.level_dimensions[self._level]
        self.size = (height, width)
        self.pixel_um = None if base is None else base * self.downsample

    def window(self, top: int, left: int, height: int, width: int) -> SlideWindow:
        """The window over white."""
        corner = (round(left * self.downsample), round(top * self.downsample))
        shown = np.asarray(self._slide.read_region(corner, self._level, (width, height)))
        seen = shown[..., 3] > 0
        if seen.all():
            return SlideWindow(np.ascontiguousarray(shown[..., :3]))
        return SlideWindow(np.where(seen[..., None], shown[..., :3], np.uint8(255)), seen)

    def close(self) -> None:
        """Close the file."""
        self._slide.close()


def is_slide(path: Path) -> bool:
    """Whether an image is worked on in tiles, by its ending or the size that its header claims."""
    if path.suffix.lower() in SLIDE_SUFFIXES:
        return True
    try:
        if path.suffix.lower() in _TIFF:
            import tifffile  # noqa: PLC0415

            with tifffile.TiffFile(path) as tiff:
                shape = tiff.series[0].shape
            return int(np.prod(sorted(shape)[-2:])) > LARGE
        from PIL import Image  # noqa: PLC0415

        Image.MAX_IMAGE_PIXELS = None
        with Image.open(path) as image:
            return image.width * image.height > LARGE
    except Exception:  # noqa: BLE001  (reading it will say what is wrong)
        return False


def open_slide(path: Path) -> Slide:
    """A slide by what its file is.

    Raises:
        InputFileError: if it cannot be read.
        ForeknowError: if openslide is needed and not installed.
    """
    name = display_name(path)
    try:
        if path.suffix.lower() in _TIFF:
            try:
                return TiffSlide(path)
            except Exception:
                if path.suffix.lower() in {".tif", ".tiff"}:
                    raise
                return OpenSlideSlide(path)
        if path.suffix.lower() in SLIDE_SUFFIXES:
            return OpenSlideSlide(path)
        from foreknow.cytology.image_file import read_field  # noqa: PLC0415

        field = read_field(path)
        return ArraySlide(field.pixels, field.pixel_um)
    except ForeknowError:
        raise
    except Exception as error:
        message = f"{name} cannot be read as a slide ({type(error).__name__}: {error}); copy it again, with the files beside it"
        raise InputFileError(message) from error


def at_working_size(slide: Slide) -> Slide:
    """A slide whose pixels are about half a micrometre, where they are known to be finer."""
    factor = 1 if slide.pixel_um is None else int(1.3 * _WORKING_UM / slide.pixel_um)
    return ReducedSlide(slide, factor) if factor > 1 else slide


def level_for(pixel_um: float | None, downsamples: list[float]) -> int:
    """The coarsest level that is still as fine as half a micrometre a pixel; the finest where the size is not known."""
    if pixel_um is None:
        return 0
    fine = [number for number, factor in enumerate(downsamples) if factor * pixel_um <= 1.3 * _WORKING_UM]
    return fine[-1] if fine else 0


def _rows(series: Any) -> int:  # noqa: ANN401
    return 1 if series.axes.startswith(("S", "C")) else 0


def _openslide() -> Any:  # noqa: ANN401
    try:
        import openslide  # noqa: PLC0415
    except ImportError as error:
        message = "slides of this format need openslide; install it with: pip install 'foreknow[slides]'"
        raise ForeknowError(message) from error
    return openslide
