"""Runs as items of a data set that is simulated while a network trains."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from foreknow.angiography.simulate.bolus import BolusSettings
from foreknow.angiography.simulate.detector import DisplaySettings, Relationship
from foreknow.angiography.simulate.run import RunSettings, simulate_run


def _short_runs() -> RunSettings:
    """A second of a run, anywhere from before the injection to its washout."""
    return RunSettings(frames=16, size=128, bolus=BolusSettings(start=(-4.0, 1.0)))


@dataclass(frozen=True)
class RunItems:
    """Draws one run after the other for `foreknow.learn.Simulated`: ``Simulated(RunItems(settings), size=100)``.

    Attenuation is what a reader computes of stored frames, rounding included; the truth are the layers as they are measured, so
    that ``y = vessels + background + noise``.

    Attributes:
        settings: what is drawn; artery and display are overruled by the next two.
        arteries: one is drawn evenly for each run.
        displays: likewise, so that the network sees linear and processed frames.
    """

    settings: RunSettings = field(default_factory=_short_runs)
    arteries: tuple[str, ...] = ("left", "right")
    displays: tuple[DisplaySettings, ...] = (DisplaySettings(), DisplaySettings(Relationship.DISPLAY, bits=8))

    def __call__(self, generator: torch.Generator) -> tuple[Tensor, Mapping[str, Tensor]]:
        """One run: (frames, size, size) attenuation, and its ``vessels`` and ``background``."""
        artery = self.arteries[int(torch.randint(len(self.arteries), (1,), generator=generator))]
        display = self.displays[int(torch.randint(len(self.displays), (1,), generator=generator))]
        run = simulate_run(replace(self.settings, artery=artery, display=display), generator)
        seen = display.read(run.frames)
        level = (seen - run.attenuation).median()  # exposure control: a constant, which belongs to the background
        return seen, {"vessels": run.vessels, "background": run.background + level}
