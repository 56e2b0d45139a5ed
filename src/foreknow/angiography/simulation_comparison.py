"""Simulated frames beside real ones: by eye, by histogram, by spectrum, by noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from foreknow.angiography.simulate import (
    DisplaySettings,
    Relationship,
    RunSettings,
    SimulatedRun,
    fit_noise,
    fit_spectrum,
    radial_spectrum,
    simulate_run,
)
from foreknow.errors import InputFileError
from foreknow.files import atomic_path, display_name
from foreknow.report.samples import samples_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SUFFIXES = {".png", ".tif", ".tiff", ".jpg", ".jpeg"}
_COLOURS = ("#0072B2", "#D55E00", "#009E73")


def overview_figure(run: SimulatedRun) -> Figure:
    """A run at a glance: frames before, during and after the injection with their layers, and the course over time."""
    filled = int(run.mask.sum(dim=(1, 2)).argmax())
    chosen = sorted({0, filled // 2, filled, (filled + len(run.frames) - 1) // 2, len(run.frames) - 1})
    rows = {
        "frames": [run.frames[number] / max(1.0, float(run.frames.max())) for number in chosen],
        "background": [-run.background[number] for number in chosen],
        "vessels": [run.vessels[number] / max(1e-6, float(run.vessels.max())) for number in chosen],
        "vessel mask": [run.mask[number] for number in chosen],
    }
    titles = [f"{number / run.settings.rate:.1f} s" for number in chosen]
    figure, (course, motion) = samples_figure(rows, below=2, titles=titles)
    seconds = [number / run.settings.rate for number in range(len(run.frames))]
    path = run.tree.path
    for distance, colour in zip((0.0, 60.0, 120.0), _COLOURS, strict=True):
        if float(path.max()) >= distance:
            index = int((path - distance).abs().argmin())
            course.plot(seconds, run.concentration[:, index].tolist(), color=colour, label=f"{distance:.0f} mm from the ostium")
    course.set_xlabel("seconds", fontsize=8)
    course.set_ylabel("contrast agent", fontsize=8)
    course.legend(fontsize=7)
    motion.plot(seconds, run.motion.cardiac.tolist(), color=_COLOURS[0], label="contraction")
    motion.plot(seconds, (run.motion.breathing / 20).tolist(), color=_COLOURS[1], label="breathing / 20 mm")
    motion.set_xlabel("seconds", fontsize=8)
    motion.legend(fontsize=7)
    return figure


def comparison_figure(simulated: Sequence[Tensor], real: Sequence[Tensor]) -> Figure:
    """Frames of both kinds with their histograms and spectra.

    Args:
        simulated: each (height, width), 8 bit values.
        real: likewise.
    """
    columns = max(3, min(5, len(real)))
    rows = {
        "real": list(real[:columns]),
        "simulated": list(simulated[:columns]),
        "simulated ": list(simulated[columns : 2 * columns]),
    }
    figure, (histogram, spectrum, noise) = samples_figure({name: row for name, row in rows.items() if row}, below=3)
    for frames, colour, label in ((simulated, _COLOURS[0], "simulated"), (real, _COLOURS[1], "real")):
        for number, frame in enumerate(frames):
            name = label if number == 0 else None
            counts = torch.histc(frame.float(), bins=64, min=0, max=255)
            histogram.plot(
                torch.linspace(0, 255, 64).tolist(), (counts / counts.sum()).tolist(), color=colour, alpha=0.6, label=name
            )
            frequencies, power, _ = radial_spectrum(frame[None].double())
            spectrum.loglog(frequencies.tolist(), power.tolist(), color=colour, alpha=0.6, label=name)
            level = fit_noise(frame)
            noise.plot(level.intensities.tolist(), level.variances.sqrt().tolist(), color=colour, alpha=0.6, label=name)
    for axis, label in (
        (histogram, "grey value"),
        (spectrum, "cycles per pixel: power"),
        (noise, "grey value: noise, standard deviation"),
    ):
        axis.set_xlabel(label, fontsize=8)
        axis.legend(fontsize=7)
    return figure


def compare_to_file(path: Path, real: Sequence[Tensor], settings: RunSettings, seed: int) -> None:
    """Draw single frames, processed for display and filled with contrast agent, and write them beside ``real`` as a picture."""
    display = DisplaySettings(Relationship.DISPLAY, bits=8)
    still = replace(settings, frames=1, display=display, bolus=replace(settings.bolus, start=(-2.6, -1.8)))
    simulated = []
    for number in range(2 * max(3, min(5, len(real)))):
        artery = "right" if number % 3 == 2 else "left"
        simulated.append(simulate_run(replace(still, artery=artery), seed + number).frames[0].float())
    with atomic_path(path) as temporary:
        comparison_figure([frame.int() for frame in simulated], [frame.round().int() for frame in real]).savefig(
            temporary, dpi=110, format="png"
        )


def frame_statistics(frame: Tensor) -> Mapping[str, float]:
    """What frames are compared by: intensity, spectrum (0.02 to 0.2 cycles per pixel) and noise of (height, width) 8 bit values."""
    spectrum, noise = fit_spectrum(frame), fit_noise(frame)
    middle = (spectrum.frequencies > 0.02) & (spectrum.frequencies < 0.2)
    x, y = spectrum.frequencies[middle].log10(), spectrum.power[middle].log10()
    steepness = -float(((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum())
    quantiles = torch.quantile(frame.flatten().double(), torch.tensor([0.01, 0.25, 0.5, 0.75, 0.99], dtype=torch.float64))
    return {
        **{f"intensity_{name}": float(value) for name, value in zip(("01", "25", "50", "75", "99"), quantiles, strict=True)},
        "spectrum_slope": steepness,
        "spectrum_log10_power": float(y.mean()),
        "spectrum_grain_px": spectrum.grain,
        "noise_at_100": noise.deviation(100.0),
    }


def read_frames(folder: Path, limit: int = 12) -> list[Tensor]:
    """Images in a folder as (height, width) float32 of 0 to 255; of runs the frame in the middle.

    Raises:
        InputFileError: if there is none, or one cannot be read.
    """
    from skimage import io  # noqa: PLC0415

    files = sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES | {".dcm"} and "mask" not in str(path.parent)
    )
    if not files:
        message = f"{display_name(folder)} has no images to compare with; name a folder of PNG, TIFF, JPEG or DICOM files"
        raise InputFileError(message)
    frames = []
    for file in files[:limit]:
        try:
            image = _read_dicom(file) if file.suffix.lower() == ".dcm" else torch.as_tensor(io.imread(file).astype("float32"))
        except Exception as error:
            message = f"{display_name(file)} cannot be read as an image ({type(error).__name__}); leave it out or convert it to PNG"
            raise InputFileError(message) from error
        image = image.mean(dim=-1) if image.ndim == 3 and image.shape[-1] in {3, 4} else image
        image = image[len(image) // 2] if image.ndim == 3 else image
        frames.append(image if float(image.max()) <= 255 else 255 * image / image.max())
    return frames


def _read_dicom(file: Path) -> Tensor:
    from pydicom import dcmread  # noqa: PLC0415

    data = dcmread(file)
    return torch.as_tensor(data.pixel_array.astype("float32")) * (255 / (2 ** int(data.BitsStored) - 1))
