"""Simulated runs to train on: drawn once with their truth, kept in a folder, seen in other views in every epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from foreknow.angiography.simulate import DetectorSettings, DisplaySettings, Relationship, RunSettings, simulate_run
from foreknow.angiography.simulate.bolus import BolusSettings
from foreknow.angiography.simulate.catheter import CatheterSettings
from foreknow.angiography.simulate.device import Device
from foreknow.angiography.simulate.run import SimulatedRun
from foreknow.files import atomic_path
from foreknow.learn import Data, Example
from foreknow.learn.data.example import stack
from foreknow.learn.seeds import generator_of
from foreknow.simulate.fields import uniform

VESSELS, BACKGROUND, GATE = "vessels", "background", "gate"
_DISPLAYED = 0.7  # share of runs that are processed for display, as most that are passed on are
_EMPTY = 0.05  # share of runs without an injection
FIRST_SEED = 100_000  # far from the seeds on which anything is judged


@dataclass(frozen=True, slots=True)
class TrainingRunSettings:
    """What training runs are drawn.

    Attributes:
        frames: of a run, few and far apart, so that each shows another phase of heart and bolus.
        size: pixels of a side.
        rate: frames a second.
        gamma: range of the exponent of displayed frames.
        sharpening: range of their edge enhancement.
        blur: range of the standard deviation of the system's blur, mm.
        opacity: range of the attenuation of the contrast agent, 1/mm.
        start: range of the beginning of the injection, seconds: from runs that are filled to such whose first frames show a
            catheter and no vessel.
    """

    frames: int = 5
    size: int = 512
    rate: float = 2.5
    gamma: tuple[float, float] = (0.6, 1.0)
    sharpening: tuple[float, float] = (0.0, 0.9)
    blur: tuple[float, float] = (0.25, 0.5)
    opacity: tuple[float, float] = (0.25, 0.48)
    start: tuple[float, float] = (-2.4, 1.1)

    def draw(self, number: int, seed: int = 0) -> RunSettings:
        """Settings of the run of this number."""
        generator = generator_of("training run", seed, number)
        displayed = uniform((0.0, 1.0), generator) < _DISPLAYED
        display = DisplaySettings()
        if displayed:
            gamma, sharpening = uniform(self.gamma, generator), uniform(self.sharpening, generator)
            display = DisplaySettings(Relationship.DISPLAY, bits=8, gamma=gamma, sharpening=sharpening)
        return RunSettings(
            frames=self.frames,
            size=self.size,
            rate=self.rate,
            artery=("left", "right")[int(uniform((0.0, 1.0), generator) < 0.4)],
            contrast=uniform((0.0, 1.0), generator) >= _EMPTY,
            bolus=BolusSettings(start=self.start, opacity=self.opacity),
            detector=replace(DetectorSettings(), blur=uniform(self.blur, generator)),
            catheter=replace(CatheterSettings(), leads=0.6),
            display=display,
        )


@dataclass(frozen=True)
class DeviceRuns:
    """Runs of another device, in all else as training runs are.

    Attributes:
        devices: that show them, in turn.
        shapes: all else.
    """

    devices: tuple[Device, ...]
    shapes: TrainingRunSettings = field(default_factory=TrainingRunSettings)

    def draw(self, number: int, seed: int = 0) -> RunSettings:
        """Settings of the run of this number."""
        return self.devices[number % len(self.devices)].applied(self.shapes.draw(number, seed))


class RunChoice(Protocol):
    """What tells the settings of each run of a data set."""

    def draw(self, number: int, seed: int = 0) -> RunSettings:
        """Settings of the run of this number."""


class TrainingRuns(Data):
    """Simulated runs that lie in a folder; what is not there yet is drawn when it is first needed.

    Args:
        folder: where they are kept, one ``.npz`` a run.
        count: of the runs.
        settings: what is drawn.
        seed: of the whole data set.
    """

    def __init__(self, folder: str | Path, count: int, settings: RunChoice | None = None, seed: int = 0) -> None:
        self.folder = Path(folder)
        self.count = count
        self.settings: RunChoice = settings or TrainingRunSettings()
        self.seed = seed
        self._kept: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

    def __len__(self) -> int:
        """Runs in an epoch."""
        return self.count

    def prepare(self, told: Callable[[int], None] | None = None) -> None:
        """Draw what is not there yet; ``told`` the number of runs that are."""
        for number in range(self.count):
            self._run(number)
            if told is not None:
                told(number + 1)

    def draw(self, indices: Sequence[int], epoch: int) -> Example:  # noqa: ARG002
        """Whole runs; the same in every epoch."""
        if len(indices) == 1:
            return self._example(indices[0]).mapped(lambda tensor: tensor[None])  # no copy of a whole run
        return stack([self._example(index) for index in indices])

    def fingerprint(self) -> str:
        """The settings, the count and the seed."""
        return f"{self.count} simulated runs of {self.settings}, seed {self.seed}"

    def _example(self, number: int) -> Example:
        y, layer, gate = self._run(number)
        return Example(y, {VESSELS: layer, BACKGROUND: y - layer, GATE: gate.float()})

    def _run(self, number: int) -> tuple[Tensor, Tensor, Tensor]:
        if number not in self._kept:
            path = self.folder / f"run-{self.seed:03d}-{number:05d}.npz"
            if not path.exists():
                self._simulate(number, path)
            with np.load(path, allow_pickle=False) as content:
                y, layer, gate = (torch.as_tensor(content[name]) for name in ("attenuation", VESSELS, GATE))
            self._kept[number] = (y.float(), layer.float(), gate)
        return self._kept[number]

    def _simulate(self, number: int, path: Path) -> None:
        settings = self.settings.draw(number, self.seed)
        run = simulate_run(settings, FIRST_SEED + 10_007 * self.seed + number)
        seen = self._seen(run)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                attenuation=(seen - seen.median()).half().numpy(),  # the constant is free
                vessels=run.vessels.half().numpy(),
                gate=run.mask.numpy(),
            )

    def _seen(self, run: SimulatedRun) -> Tensor:
        """What is kept as attenuation."""
        return run.settings.display.read(run.frames)
