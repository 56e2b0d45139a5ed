"""Runs and frames on which angiography is judged: simulated ones, apart from those that settings were chosen on; XCAD frames."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from foreknow.angiography.simulate import DisplaySettings, Relationship, RunSettings, simulate_run
from foreknow.angiography.simulate.bolus import BolusSettings

DEVELOPMENT_SEEDS = range(8)
TEST_SEEDS = range(1000, 1008)
RATE = 7.5
XCAD_FOLDER = Path(__file__).parents[2] / "shared" / "data" / "angiography" / "frames_xcad"


@dataclass(frozen=True, slots=True)
class RunCase:
    """A simulated run and its truth.

    Attributes:
        attenuation: what a reader gets of the stored frames, (frames, size, size).
        vessels: true layer.
        background: true layer; its level is free.
        mask: where vessels are.
    """

    attenuation: Tensor
    vessels: Tensor
    background: Tensor
    mask: Tensor


def run_case(seed: int, *, size: int, frames: int, contrast: bool = True, start: tuple[float, float] | None = None) -> RunCase:
    """Left and right arteries, linear and processed frames in turn; ``start``: seconds at which the injection begins."""
    display = DisplaySettings(Relationship.DISPLAY, bits=8) if seed % 2 else DisplaySettings()
    bolus = BolusSettings() if start is None else BolusSettings(start=start)
    artery = ("left", "right")[seed // 2 % 2]
    run = simulate_run(
        RunSettings(frames=frames, size=size, rate=RATE, artery=artery, display=display, contrast=contrast, bolus=bolus), seed
    )
    return RunCase(display.read(run.frames), run.vessels, run.background, run.mask)


def xcad_frames() -> Iterator[tuple[Tensor, NDArray[np.bool_]]]:
    """Attenuation (height, width) of single display frames, and the experts' masks; none where the folder is absent."""
    for path in sorted((XCAD_FOLDER / "images").glob("*.png")):
        grey = np.asarray(Image.open(path).convert("L"), dtype=np.float32)
        mask = np.asarray(Image.open(XCAD_FOLDER / "masks" / path.name).convert("L")) > 127
        yield -torch.as_tensor(np.maximum(grey, 0.5) / 255).log(), mask
