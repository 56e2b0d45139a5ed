"""Clean runs as they would be acquired: by another device, processing and storage in every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from foreknow.angiography.network.training_runs import BACKGROUND, GATE, VESSELS
from foreknow.angiography.network.variation import resized_film
from foreknow.angiography.simulate.detector import DetectorSettings, DisplaySettings, Relationship, detect, drawn_quanta, store
from foreknow.angiography.simulate.device import DeviceRanges
from foreknow.angiography.simulate.overlay import burn_in
from foreknow.angiography.simulate.processing import compressed, ghosted, local_gain
from foreknow.angiography.simulate.run import RunSettings
from foreknow.learn import Data, Example
from foreknow.learn.data.example import stack
from foreknow.learn.seeds import generator_of
from foreknow.simulate.blur import gaussian_blur
from foreknow.simulate.fields import log_uniform, uniform

_PIXEL = 130 / 512  # mm, of the picture that a network looks at
_VISIBLE = RunSettings().visible


@dataclass(frozen=True)
class AcquisitionRanges:
    """How devices, processing and storage differ; shares are of all films.

    Attributes:
        devices: of detectors and of processing.
        usual: share of films by a usual device.
        usual_devices: what that is.
        sharpening_width: range of the standard deviation of edge enhancement, mm; even in the logarithm.
        linear: share that is not processed for display.
        contrast: range of the factor of the contrast agent.
        coarse: half of the films have pixels of up to this many times the edge.
        local_gain: share with equalised local contrast, and
        gain_power: its range (`local_gain`).
        ghost: share with a recursive filter over time, and
        ghost_weight: its range (`ghosted`).
        jpeg: share that was compressed, and
        quality: its range (`compressed`).
        burnt_in: share with text or a dark border.
    """

    devices: DeviceRanges = field(default_factory=lambda: DeviceRanges(gamma=(0.4, 1.2)))
    usual: float = 0.4
    usual_devices: DeviceRanges = field(
        default_factory=lambda: DeviceRanges(
            gamma=(0.6, 1.0), sharpening=(0.0, 0.9), quanta=(150.0, 800.0), blur=(0.25, 0.5), grain=(0.12, 0.24)
        )
    )
    sharpening_width: tuple[float, float] = (0.7, 5.0)
    linear: float = 0.25
    contrast: tuple[float, float] = (0.7, 1.2)
    coarse: float = 2.0
    local_gain: float = 0.25
    gain_power: tuple[float, float] = (0.2, 0.7)
    ghost: float = 0.15
    ghost_weight: tuple[float, float] = (0.05, 0.35)
    jpeg: float = 0.25
    quality: tuple[float, float] = (35.0, 95.0)
    burnt_in: float = 0.15


class Acquired(Data):
    """Square films with known clean layers, as a device would give them to a reader.

    Blur, quanta, grain and processing are those of a `DeviceRanges`, in pixels of the film, whatever its magnification was. The
    mask is where vessels attenuate enough behind the blur, as sharp as the film.

    Args:
        data: films (T, side, side) of attenuation with neither blur nor noise, with the truth of vessels and background.
        ranges: what devices there are.
        seed: of what is drawn.
    """

    def __init__(self, data: Data, ranges: AcquisitionRanges | None = None, seed: int = 0) -> None:
        self.data = data
        self.ranges = ranges or AcquisitionRanges()
        self.seed = seed

    def __len__(self) -> int:
        """Items in an epoch."""
        return len(self.data)

    def draw(self, indices: Sequence[int], epoch: int) -> Example:
        """The items, acquired."""
        return stack([self._acquire(index, epoch) for index in indices])

    def fingerprint(self) -> str:
        """That of the data, and by what it is acquired."""
        return f"acquired by {self.ranges}, seed {self.seed}: {self.data.fingerprint()}"

    def _acquire(self, index: int, epoch: int) -> Example:
        example = self.data.draw([index], epoch)
        generator = generator_of("acquired", self.seed, epoch, index)
        detector, display = self._device(generator)
        layer = uniform(self.ranges.contrast, generator) * example.truth[VESSELS][0]
        rest = example.y[0] - example.truth[VESSELS][0]
        without, expected = (gaussian_blur(torch.exp(-one), detector.blur / _PIXEL) for one in (rest, rest + layer))
        gate = ((without / expected).log() >= _VISIBLE).float()
        coarse = uniform((1.0, self.ranges.coarse), generator) if self._happens(0.5, generator) else 1.0
        y, vessels, seen = self._stored(without, expected, coarse, detector, display, generator)
        gate = gate * seen
        return Example(y, {VESSELS: vessels, BACKGROUND: y - vessels, GATE: gate})

    def _device(self, generator: torch.Generator) -> tuple[DetectorSettings, DisplaySettings]:
        """What detects and what processes."""
        usual = self._happens(self.ranges.usual, generator)
        device = (self.ranges.usual_devices if usual else self.ranges.devices).draw(generator)
        width = log_uniform(self.ranges.sharpening_width, generator)
        if self._happens(self.ranges.linear, generator):
            return device.detector, DisplaySettings(Relationship.LINEAR, bits=12)
        return device.detector, device.display if usual else replace(device.display, sharpening_width=width)

    def _stored(
        self,
        without: Tensor,
        expected: Tensor,
        coarse: float,
        detector: DetectorSettings,
        display: DisplaySettings,
        generator: torch.Generator,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Attenuation as a reader has it, vessels in it, and where (1 or 0) the picture is, each as large as the films."""
        ranges, side = self.ranges, expected.shape[-1]
        small, pixel = max(8, round(side / coarse)), coarse * _PIXEL
        without, expected = (resized_film(one, small).clamp_min(1e-6) for one in (without, expected))
        measured = detect(expected, detector, drawn_quanta(expected, detector, pixel, generator), pixel, generator)
        y, vessels = display.process(-measured.log(), pixel), display.process((without / expected).log(), pixel)
        if self._happens(ranges.local_gain, generator):
            width, power = uniform((4.0, 16.0), generator) / pixel, uniform(ranges.gain_power, generator)
            y, vessels = local_gain(y, vessels, width, power)
        if self._happens(ranges.ghost, generator):
            y, vessels = ghosted(y, vessels, uniform(ranges.ghost_weight, generator))
        brightest = float(y[0].flatten()[::7].quantile(0.01) + torch.tensor(uniform(display.level, generator)).log())
        stored = store(y, display, brightest)
        if display.bits == 8 and self._happens(ranges.jpeg, generator):
            stored = compressed(stored, round(uniform(ranges.quality, generator)))
        seen = torch.ones(small, small)
        if self._happens(ranges.burnt_in, generator):
            stored, seen = burn_in(stored, 2**display.bits - 1, generator)
        read = display.read(stored)
        wide = resized_film(seen[None], side)[0].round()
        return resized_film(read - read.median(), side), resized_film(vessels, side) * wide, wide

    @staticmethod
    def _happens(share: float, generator: torch.Generator) -> bool:
        return uniform((0.0, 1.0), generator) < share
