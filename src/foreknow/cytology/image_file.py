"""Fields of view as files: PNG, JPEG, TIFF and OME-TIFF, with the size of a pixel where the file tells it."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foreknow.errors import InputFileError
from foreknow.files import display_name

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff"})
SLIDE_SUFFIXES = frozenset({".svs", ".ndpi", ".mrxs", ".scn", ".bif", ".vms", ".vmu", ".svslide", ".dcm"})
_TIFF = frozenset({".tif", ".tiff"})
_MICRONS = {"µm": 1.0, "um": 1.0, "μm": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4}
_PLAUSIBLE = (0.02, 10.0)


@dataclass(frozen=True)
class FieldImage:
    """A field of view.

    Attributes:
        pixels: (height, width) or (height, width, 3) uint8, uint16 or float32.
        pixel_um: side of a pixel, micrometres; None where it is not known.
    """

    pixels: NDArray[np.generic] = field(repr=False)
    pixel_um: float | None


def read_field(path: Path) -> FieldImage:
    """Read an image to its end.

    Raises:
        InputFileError: if it is damaged, empty, or of a kind that cannot be used.
    """
    name = display_name(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pixels, pixel_um = _read_tiff(path) if path.suffix.lower() in _TIFF else _read_picture(path)
    except InputFileError:
        raise
    except Exception as error:
        message = (
            f"{name} cannot be read to its end as PNG, JPEG or TIFF ({type(error).__name__}); copy it again or export it as PNG"
        )
        raise InputFileError(message) from error
    return FieldImage(usable_pixels(pixels, name), pixel_um)


def usable_pixels(pixels: NDArray[np.generic], name: str) -> NDArray[np.generic]:
    """Grey or colour without transparency, as uint8, uint16 or float32.

    Raises:
        InputFileError: if it is neither.
    """
    pixels = np.squeeze(pixels)
    if pixels.ndim == 3 and pixels.shape[0] in {3, 4} and pixels.shape[-1] not in {3, 4}:
        pixels = np.moveaxis(pixels, 0, -1)
    if pixels.ndim == 3 and pixels.shape[-1] in {2, 4}:
        pixels = pixels[..., : pixels.shape[-1] - 1]
        pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    if pixels.ndim not in {2, 3} or (pixels.ndim == 3 and pixels.shape[-1] != 3):
        message = f"{name} has the shape {pixels.shape}; give one grey or colour image, not a stack"
        raise InputFileError(message)
    if pixels.dtype == np.bool_ or (pixels.dtype.kind not in "uf" and pixels.dtype != np.int16) or pixels.dtype.itemsize > 8:
        message = f"{name} has pixels of the type {pixels.dtype}; export it as 8 or 16 bits"
        raise InputFileError(message)
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize <= 2:
        return np.ascontiguousarray(pixels)
    return np.ascontiguousarray(pixels, dtype=np.float32)


def _read_picture(path: Path) -> tuple[NDArray[np.generic], float | None]:
    with Image.open(path, formats=("PNG", "JPEG")) as image:
        wide = image.mode.startswith("I")
        shown = image if wide or image.mode in {"L", "RGB"} else image.convert("RGB" if image.mode != "LA" else "L")
        return np.asarray(shown).astype(np.uint16 if wide else np.uint8), None


def _read_tiff(path: Path) -> tuple[NDArray[np.generic], float | None]:
    import tifffile  # noqa: PLC0415

    with tifffile.TiffFile(path) as tiff:
        series = tiff.series[0]
        return series.asarray(), tiff_pixel_size(tiff)


def tiff_pixel_size(tiff: object) -> float | None:
    """Micrometres a pixel by OME-XML, Aperio's description or the resolution tags of a `tifffile.TiffFile`; None if none says."""
    ome = getattr(tiff, "ome_metadata", None)
    if ome:
        size = re.search(r'PhysicalSizeX="([0-9.eE+-]+)"', ome)
        unit = re.search(r'PhysicalSizeXUnit="([^"]+)"', ome)
        if size:
            return _plausible(float(size[1]) * _MICRONS.get(unit[1] if unit else "µm", 1.0))
    page = tiff.pages[0]  # type: ignore[attr-defined]
    aperio = re.search(r"MPP\s*=\s*([0-9.]+)", str(page.description))
    if aperio:
        return _plausible(float(aperio[1]))
    tags = page.tags
    if "XResolution" not in tags or "ResolutionUnit" not in tags:
        return None
    top, bottom = tags["XResolution"].value
    is_metric = int(tags["ResolutionUnit"].value) == 3  # inches are what programs write that know no size
    return _plausible(1e4 * bottom / top) if is_metric and top else None


def _plausible(size: float) -> float | None:
    return size if _PLAUSIBLE[0] <= size <= _PLAUSIBLE[1] else None
