"""Simulated runs as no detector has seen them yet: each can be shown by many devices."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from torch import Tensor

from foreknow.angiography.network.training_runs import VESSELS, TrainingRuns, TrainingRunSettings
from foreknow.angiography.simulate.catheter import CatheterSettings
from foreknow.angiography.simulate.detector import DetectorSettings, DisplaySettings
from foreknow.angiography.simulate.device import DeviceRanges
from foreknow.angiography.simulate.run import RunSettings, SimulatedRun
from foreknow.learn import Example
from foreknow.learn.seeds import generator_of
from foreknow.simulate.fields import log_uniform, uniform


@dataclass(frozen=True)
class CleanRunSettings:
    """What is drawn before a detector sees it.

    Attributes:
        shapes: heart, vessels, bolus, as training runs have them.
        ranges: of them texture of tissue, markings of the lung and bones.
        leads: range of the expected number of thin wires.
        lead_attenuation: range of that of such a wire, from electrocardiogram leads to a pacemaker's; even in the logarithm.
        empty: share of runs without an injection: what is seen of them is a catheter, wires and anatomy.
    """

    shapes: TrainingRunSettings = field(default_factory=TrainingRunSettings)
    ranges: DeviceRanges = field(default_factory=DeviceRanges)
    leads: tuple[float, float] = (0.0, 2.0)
    lead_attenuation: tuple[float, float] = (0.06, 0.5)
    empty: float = 0.08

    def draw(self, number: int, seed: int = 0) -> RunSettings:
        """Settings of the run of this number: neither blur nor processing."""
        generator = generator_of("clean run", seed, number)
        wires = replace(
            CatheterSettings(),
            leads=uniform(self.leads, generator),
            lead_attenuation=log_uniform(self.lead_attenuation, generator),
        )
        return replace(
            self.shapes.draw(number, seed),
            anatomy=self.ranges.draw(generator).anatomy,
            catheter=wires,
            contrast=uniform((0.0, 1.0), generator) >= self.empty,
            detector=DetectorSettings(blur=0.0),
            display=DisplaySettings(),
        )


class CleanRuns(TrainingRuns):
    """Attenuation behind scatter, with neither blur, noise nor processing (`CleanRunSettings`); all else as `TrainingRuns`."""

    def _example(self, number: int) -> Example:
        y, layer, _ = self._run(number)
        return Example(y, {VESSELS: layer})

    def _seen(self, run: SimulatedRun) -> Tensor:
        return run.background + run.vessels
