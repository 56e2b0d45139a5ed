"""Which detector, processing and anatomy make runs like those at hand: the simulator fitted to a user's runs, without labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from foreknow.angiography.simulate.anatomy import AnatomySettings
from foreknow.angiography.simulate.bolus import BolusSettings
from foreknow.angiography.simulate.detector import DetectorSettings, DisplaySettings, Relationship
from foreknow.angiography.simulate.run import RunSettings, simulate_run
from foreknow.angiography.simulate.traits import run_traits
from foreknow.errors import DataError

_SPREAD = 0.2  # of a range about its drawn middle
_RIDGE = 1e-2
_NEAREST = 0.25  # of the trial runs: what is kept of them


@dataclass(frozen=True)
class DeviceRanges:
    """Between what a device is looked for; all ranges but that of the sharpening are even in the logarithm.

    Attributes:
        gamma: exponent of frames processed for display (`DisplaySettings`).
        sharpening: strength of edge enhancement.
        quanta: detected per pixel (`DetectorSettings`), from fluoroscopy to acquisition.
        blur: standard deviation, mm.
        grain: likewise, of the blur that noise shares.
        texture: of tissue (`AnatomySettings`).
        lung: likewise.
        bone: likewise.
    """

    gamma: tuple[float, float] = (0.4, 1.0)
    sharpening: tuple[float, float] = (0.0, 2.0)
    quanta: tuple[float, float] = (15.0, 1000.0)
    blur: tuple[float, float] = (0.2, 0.8)
    grain: tuple[float, float] = (0.08, 0.5)
    texture: tuple[float, float] = (0.03, 0.2)
    lung: tuple[float, float] = (0.03, 0.2)
    bone: tuple[float, float] = (0.08, 0.6)

    def device(self, place: Tensor) -> Device:
        """The device at a place in the unit cube, (8,)."""
        gamma, sharpening, quanta, blur, grain, texture, lung, bone = (
            _between(low, high, float(share), even=name == "sharpening")
            for (name, (low, high)), share in zip(self._ranges(), place.clamp(0, 1), strict=True)
        )
        return Device(
            DisplaySettings(Relationship.DISPLAY, bits=8, gamma=gamma, sharpening=sharpening),
            DetectorSettings(blur=blur, quanta=(quanta, quanta), grain=grain),
            AnatomySettings(texture=_about(texture), lung=_about(lung), bone=_about(bone)),
        )

    def draw(self, generator: torch.Generator) -> Device:
        """A device anywhere in the ranges."""
        return self.device(torch.rand(self.count, generator=generator, dtype=torch.float64))

    @property
    def count(self) -> int:
        """Numbers that are looked for."""
        return len(self._ranges())

    def limits(self) -> list[tuple[float, float]]:
        """The ranges in order."""
        return [limits for _, limits in self._ranges()]

    def _ranges(self) -> list[tuple[str, tuple[float, float]]]:
        return [(name, getattr(self, name)) for name in self.__dataclass_fields__]


@dataclass(frozen=True)
class Device:
    """What makes frames of attenuation, and what is before it."""

    display: DisplaySettings
    detector: DetectorSettings
    anatomy: AnatomySettings

    def applied(self, settings: RunSettings) -> RunSettings:
        """A run as this device would show it."""
        return replace(settings, display=self.display, detector=self.detector, anatomy=self.anatomy)


@dataclass(frozen=True)
class DeviceFit:
    """Devices that may have made the runs.

    Attributes:
        devices: equally likely ones.
        traits: of the runs, mean of them, (10,).
        misfit: root mean square distance of the nearest trial runs from those traits, in standard deviations between trial runs.
        told: share of the variance of every number that the traits tell, of each trial by all others, (8,); 0 where they say
            nothing.
    """

    devices: tuple[Device, ...]
    traits: Tensor = field(repr=False)
    misfit: float
    told: Tensor = field(repr=False)


def fit_device(
    runs: Sequence[Tensor],
    *,
    trials: int = 96,
    size: int = 512,
    ranges: DeviceRanges | None = None,
    seed: int = 0,
    drawn: Callable[[int], None] | None = None,
) -> DeviceFit:
    """Devices whose simulated runs have the noise and the structure of the runs that are given.

    Approximate Bayesian computation with regression adjustment (Beaumont, Zhang and Balding 2002): trial runs are drawn from
    devices all over the ranges; a linear regression tells how the numbers of a device follow from traits of its runs; of the
    quarter of the trials whose traits are nearest, the numbers are moved by what the regression says of the difference. What
    traits do not tell stays as uncertain as it was, and so do the devices that are returned.

    Args:
        runs: (frames, height, width) attenuation each, as large as the trial runs are.
        trials: how many runs are drawn.
        size: pixels of a side of them.
        ranges: within which devices are looked for.
        seed: of all random numbers.
        drawn: told how many trial runs have been drawn.

    Raises:
        DataError: if no run is given.
        ShapeError: if a run is too small or too short.
    """
    if not runs:
        message = "a device is fitted to one run or more"
        raise DataError(message)
    ranges = ranges or DeviceRanges()
    target = torch.stack([run_traits(run) for run in runs]).mean(dim=0)
    generator = torch.Generator().manual_seed(seed)
    places = torch.rand(trials, ranges.count, generator=generator, dtype=torch.float64)
    traits = []
    for number, place in enumerate(places):
        device = ranges.device(place)
        settings = device.applied(
            RunSettings(frames=3, size=size, rate=5.0, artery=("left", "right")[number % 2], bolus=BolusSettings(start=(-2.4, 1.1)))
        )
        run = simulate_run(settings, generator)
        traits.append(run_traits(device.display.read(run.frames)))
        if drawn is not None:
            drawn(number + 1)
    seen = torch.stack(traits)
    scale = seen.std(dim=0).clamp_min(1e-6)
    inputs, wanted = (seen - target) / scale, places
    slopes = _regression(inputs, wanted)
    told = 1 - _errors_apart(inputs, wanted, slopes).square().mean(0) / wanted.var(0)
    distance = inputs.square().mean(dim=1).sqrt()
    near = distance.argsort()[: max(4, round(_NEAREST * trials))]
    adjusted = wanted[near] - inputs[near] @ slopes
    return DeviceFit(tuple(ranges.device(place) for place in adjusted), target, float(distance[near[:4]].mean()), told.clamp_min(0))


def _regression(inputs: Tensor, wanted: Tensor) -> Tensor:
    """Slopes of a ridge regression with a constant."""
    centred, aims = inputs - inputs.mean(0), wanted - wanted.mean(0)
    return torch.linalg.solve(_gram(centred), centred.T @ aims)


def _errors_apart(inputs: Tensor, wanted: Tensor, slopes: Tensor) -> Tensor:
    """Errors of each trial when all others tell of it: the residual over 1 minus its leverage."""
    centred = inputs - inputs.mean(0)
    leverage = (centred * torch.linalg.solve(_gram(centred), centred.T).T).sum(1) + 1 / len(inputs)
    return (wanted - wanted.mean(0) - centred @ slopes) / (1 - leverage)[:, None]


def _gram(centred: Tensor) -> Tensor:
    return centred.T @ centred + _RIDGE * len(centred) * torch.eye(centred.shape[1], dtype=centred.dtype)


def _between(low: float, high: float, share: float, *, even: bool) -> float:
    return low + share * (high - low) if even else low * (high / low) ** share


def _about(middle: float) -> tuple[float, float]:
    return (1 - _SPREAD) * middle, (1 + _SPREAD) * middle
