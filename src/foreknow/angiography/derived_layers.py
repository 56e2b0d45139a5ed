"""The layers of a result as derived multi-frame DICOM."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import generate_uid
from torch import Tensor

from foreknow.files.dicom import DerivedSettings, write_derived

if TYPE_CHECKING:
    from foreknow.angiography.results import RunResult

TOOL = "foreknow angiography enhance"
VESSELS_DICOM, BACKGROUND_DICOM, MASK_DICOM = "vessels.dcm", "background.dcm", "mask.dcm"
_UNIT = 1000.0  # stored values are thousandths of attenuation
_THOUSANDTHS = " Values: attenuation x 1000."


def write_derived_layers(result: RunResult, folder: Path) -> None:
    """Write vessels, background and mask into ``folder``, one after the other: each takes half the memory of a layer, twice."""
    found, study, window = result.separation, generate_uid(), result.window
    top, low = max(1.0, _UNIT * result.layer_window().high), float(found.background.amin())
    centre, width = _UNIT * (window.low + window.high) / 2, max(1.0, _UNIT * (window.high - window.low))
    vessels = _said(result, 1, "Vessel layer", 0.0, (top / 2, top))
    write_derived(folder / VESSELS_DICOM, _stored(found.vessels, 0.0), vessels, study)
    background = _said(result, 2, "Background layer", _UNIT * low, (centre, width))
    write_derived(folder / BACKGROUND_DICOM, _stored(found.background, low), background, study)
    mask = _said(result, 3, "Vessel mask", 0.0, (127.5, 255.0), unit="")
    write_derived(folder / MASK_DICOM, 255 * result.mask.binary.numpy().view(np.uint8), mask, study)


def _said(
    result: RunResult, number: int, series: str, intercept: float, window: tuple[float, float], unit: str = _THOUSANDTHS
) -> DerivedSettings:
    made = f"{TOOL} {version('foreknow')}: {series.lower()} of {result.run.frames} frames, {result.separation.formula}."
    derivation, run = f"{made}{unit} Not for diagnosis.", result.run
    return DerivedSettings(series, derivation, version("foreknow"), run.seconds, 1.0, intercept, window, run.lossy, number)


def _stored(layer: Tensor, low: float) -> NDArray[np.uint16]:
    whole = np.empty(layer.shape, dtype=np.uint16)
    for stored, frame in zip(whole, layer.numpy(), strict=True):
        stored[:] = np.clip(np.round((frame - low) * _UNIT), 0, 2**16 - 1)
    return whole
