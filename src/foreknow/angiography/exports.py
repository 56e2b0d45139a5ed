"""Layers for researchers: NumPy archives and NIfTI volumes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foreknow.errors import ForeknowError, ParameterError

if TYPE_CHECKING:
    from foreknow.angiography.results import RunResult

ARCHIVE = "layers.npz"


def require_formats(names: Sequence[str]) -> None:
    """Check, before any work, that there are such formats and what they need.

    Raises:
        ParameterError: if there is no such format.
        ForeknowError: if its library is not installed.
    """
    unknown = [name for name in names if name not in FORMATS]
    if unknown:
        message = f"layers can be written as {' and '.join(FORMATS)} too, not as {unknown[0]!r}"
        raise ParameterError(message)
    if "nifti" in names:
        _nibabel()


def write_formats(result: RunResult, folder: Path, names: Sequence[str]) -> None:
    """Write the layers of a result in further formats."""
    for name in names:
        FORMATS[name](result, folder)


def _archive(result: RunResult, folder: Path) -> None:
    """``layers.npz``: vessels and background (frames, height, width) float32, mask bool, seconds or NaN."""
    seconds = result.run.seconds
    np.savez_compressed(
        folder / ARCHIVE,
        vessels=result.separation.vessels.numpy(),
        background=result.separation.background.numpy(),
        mask=result.mask.binary.numpy(),
        seconds=np.full(result.run.frames, np.nan) if seconds is None else seconds,
    )


def _nifti(result: RunResult, folder: Path) -> None:
    """``vessels.nii.gz`` and so on: (width, height, 1, frames), millimetres at the detector where they are known, seconds."""
    nibabel = _nibabel()
    down, right = result.run.spacing or (1.0, 1.0)
    step = 1 / result.run.rate if result.run.rate else 1.0
    layers = {
        "vessels": result.separation.vessels.numpy(),
        "background": result.separation.background.numpy(),
        "mask": result.mask.binary.numpy().astype(np.uint8),
    }
    for name, layer in layers.items():
        image = nibabel.Nifti1Image(layer.transpose(2, 1, 0)[:, :, None], np.diag([right, down, 1.0, 1.0]))
        image.header.set_zooms((right, down, 1.0, step))
        image.header.set_xyzt_units("mm" if result.run.spacing else "unknown", "sec" if result.run.rate else "unknown")
        nibabel.save(image, folder / f"{name}.nii.gz")


def _nibabel() -> Any:  # noqa: ANN401  (a module)
    try:
        import nibabel  # noqa: PLC0415
    except ImportError as error:
        message = "NIfTI files need the library nibabel; install it with: pip install 'foreknow[exchange]'"
        raise ForeknowError(message) from error
    return nibabel


FORMATS: Mapping[str, Callable[[RunResult, Path], None]] = {"npz": _archive, "nifti": _nifti}
"""What layers can be written as, beside TIFF and DICOM."""
