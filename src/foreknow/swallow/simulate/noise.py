"""What a depth camera adds to the truth: correlated noise that grows with distance, a common offset, drift, steps."""

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.simulate.fields import smooth_series


@dataclass(frozen=True, slots=True)
class NoiseSettings:
    """The noise of a camera.

    Standard deviation at depth z: ``sd_mm (z / reference_mm)^exponent / cos(incidence)^grazing``. Sources: methods/swallow.md
    ("Sensor noise"), and `fit_noise` on real frames.

    Attributes:
        sd_mm: standard deviation of a pixel at the reference distance.
        reference_mm: that distance.
        exponent: 2 for stereo and structured light (error of a disparity), 1 to 2 for time of flight.
        grazing: how the noise grows where the skin is seen at an angle: 0 for stereo, 1 for time of flight (choice).
        correlation_px: standard deviation of the Gaussian that smooths white noise, pixels (block matching: 1 to 3); geometric mean
            of along rows and along columns.
        stretch: correlation along rows relative to along columns (matching along rows: above 1).
        white: share of the variance that neighbours do not share at all (0 to 0.4 on real cameras, without that of steps).
        patchiness: standard deviation of the logarithm of the noise from patch to patch (0 even; well textured skin is measured
            better), 0 to 1.
        standing: share of the variance that stands still in the picture for a while (waves of a stereo matcher; on an iPhone
            TrueDepth most of it).
        standing_seconds: how long.
        common_mm: standard deviation of an offset of whole frames at the reference distance (0.2 to 0.5 at 0.5 m: means over a
            chest seen by a D435 still have 0.5 mm at 1 m).
        drift_mm: standard deviation of a slow offset.
        drift_seconds: over which it changes.
        step_mm: step of the camera's counts (Z16: 1 by default, 0.1 where set).
        disparity_step_mm: step in depth at the reference distance that a step of disparity makes; it grows with the square of the
            distance; 0 for none.

    Raises:
        ParameterError: if a number is negative or a share is none.
    """

    sd_mm: float = 1.0
    reference_mm: float = 500.0
    exponent: float = 2.0
    grazing: float = 0.0
    correlation_px: float = 2.5
    stretch: float = 1.0
    white: float = 0.0
    patchiness: float = 0.0
    standing: float = 0.1
    standing_seconds: float = 2.0
    common_mm: float = 0.2
    drift_mm: float = 0.3
    drift_seconds: float = 8.0
    step_mm: float = 1.0
    disparity_step_mm: float = 0.0

    def __post_init__(self) -> None:
        numbers = (
            self.patchiness,
            self.sd_mm,
            self.exponent,
            self.grazing,
            self.correlation_px,
            self.common_mm,
            self.drift_mm,
            self.disparity_step_mm,
        )
        above = (self.stretch, self.reference_mm, self.standing_seconds, self.drift_seconds, self.step_mm)
        if not (
            min(numbers) >= 0
            and min(above) > 0
            and 0 <= self.standing <= 1
            and 0 <= self.white <= 1
            and self.patchiness <= 2
            and max(*numbers, *above) < float("inf")
        ):
            message = f"noise needs numbers of 0 or more, distances, times and a step above 0, and a share of 0 to 1, not {self}"
            raise ParameterError(message)

    @classmethod
    def stereo(cls, subpixel: float, focal_px: float, baseline_mm: float, **others: float) -> Self:
        """The law of a stereo camera: sd = z^2 subpixel / (focal baseline), subpixel about 0.05 to 0.1 pixels."""
        reference = others.get("reference_mm", 500.0)
        return cls(sd_mm=reference**2 * subpixel / (focal_px * baseline_mm), exponent=2.0, **others)

    @classmethod
    def time_of_flight(cls, sd_mm: float = 1.0, **others: float) -> Self:
        """The law of a time-of-flight camera: noise grows with the amplitude that is lost by distance and angle."""
        return cls(
            **({"exponent": 1.5, "grazing": 1.0, "correlation_px": 0.8, "standing": 0.2, "step_mm": 1.0} | others), sd_mm=sd_mm
        )

    def at(self, depth: Tensor, facing: Tensor | None = None) -> Tensor:
        """Standard deviation at depths in millimetres, same shape; ``facing`` is the cosine of the incidence."""
        sd = self.sd_mm * (depth / self.reference_mm) ** self.exponent
        return sd if facing is None or not self.grazing else sd / facing.clamp(min=0.2) ** self.grazing


_PATCH_PX = 6.0

DEVICES = {
    "d415": NoiseSettings.stereo(0.08, 1005, 55, correlation_px=2.5, common_mm=0.2, step_mm=1.0),
    "d435": NoiseSettings.stereo(0.08, 447, 50, correlation_px=2.5, common_mm=0.4, step_mm=1.0),
    "d405": NoiseSettings.stereo(0.08, 674, 18, correlation_px=2.5, common_mm=0.3, step_mm=0.1),
    "kinect-azure": NoiseSettings.time_of_flight(1.0, common_mm=0.3, drift_mm=0.5),
    "truedepth": NoiseSettings(
        0.24, 196.0, correlation_px=2.2, white=0.15, patchiness=0.35, standing=0.6, common_mm=0.02, drift_mm=0.05, step_mm=0.1
    ),
}
"""Cameras by name; baselines and focal lengths as in methods/swallow.md; subpixel errors and correlations are not published.

The last is what `fit_noise` measures on five frames of an iPhone 11 Pro at 0.2 m."""


class NoiseSource:
    """Draws the noise of a trial, block by block in order.

    Args:
        settings: how it is drawn.
        shape: rows and columns.
        count: frames of the whole trial.
        rate: frames per second.
        generator: source of all random numbers (CPU).
    """

    def __init__(
        self, settings: NoiseSettings, shape: tuple[int, int], count: int, rate: float, generator: torch.Generator
    ) -> None:
        self._settings, self._shape, self._generator = settings, shape, generator
        self._offset = settings.common_mm * torch.randn(count, generator=generator, dtype=torch.float64)
        self._drift = settings.drift_mm * smooth_series(count, settings.drift_seconds * rate / 2, generator)
        interval = settings.standing_seconds * rate
        root = math.sqrt(settings.stretch)
        self._correlations = (settings.correlation_px / root, settings.correlation_px * root)
        self._standing = StandingField(self._correlations, shape, count, interval, generator, settings.white)
        self._patches = StandingField((_PATCH_PX, _PATCH_PX), shape, count, interval, generator) if settings.patchiness else None

    def observe(self, start: int, depth: Tensor, facing: Tensor) -> Tensor:
        """Depth (time, height, width) in millimetres of the frames from ``start`` on, with noise and steps."""
        settings, count = self._settings, len(depth)
        fresh = correlated_noise(count, self._shape, self._correlations, self._generator, settings.white).to(depth)
        noise = math.sqrt(1 - settings.standing) * fresh
        if settings.standing:
            noise += math.sqrt(settings.standing) * self._standing.frames(start, count).to(depth)
        if self._patches is not None:
            noise *= torch.exp(settings.patchiness * self._patches.frames(start, count).to(depth) - settings.patchiness**2)
        grown = (depth.flatten(1).median(dim=1).values / settings.reference_mm) ** settings.exponent
        whole = (self._offset[start : start + count].to(depth) * grown + self._drift[start : start + count].to(depth))[
            :, None, None
        ]
        return self._in_steps(depth + settings.at(depth, facing) * noise + whole)

    def _in_steps(self, depth: Tensor) -> Tensor:
        coarse = self._settings.disparity_step_mm
        if coarse:
            scale = self._settings.reference_mm**2 / coarse
            depth = scale / (scale / depth.clamp(min=1.0)).round()
        return (depth / self._settings.step_mm).round() * self._settings.step_mm


class StandingField:
    """A random field that changes slowly: drawn every so often, faded from one to the next.

    Args:
        correlations: standard deviations of its smoothing down and along rows, pixels.
        shape: rows and columns.
        count: frames of the whole trial.
        interval: frames from one drawing to the next.
        generator: source of all random numbers (CPU).
        white: share of the variance that is not smoothed.
    """

    def __init__(
        self,
        correlations: tuple[float, float],
        shape: tuple[int, int],
        count: int,
        interval: float,
        generator: torch.Generator,
        white: float = 0.0,
    ) -> None:
        self._interval = max(1.0, interval)
        self._keys = correlated_noise(int(count / self._interval) + 2, shape, correlations, generator, white)

    def frames(self, start: int, count: int) -> Tensor:
        """(count, rows, columns), variance 1."""
        place = torch.arange(start, start + count, dtype=torch.float64) / self._interval
        key = place.long()
        angle = (0.5 * torch.pi * (place - key)).to(self._keys)[:, None, None]
        return torch.cos(angle) * self._keys[key] + torch.sin(angle) * self._keys[key + 1]


def correlated_noise(
    count: int, shape: tuple[int, int], correlations: tuple[float, float], generator: torch.Generator, white: float = 0.0
) -> Tensor:
    """White Gaussian fields smoothed by a Gaussian of standard deviations ``correlations`` pixels (down, along), variance 1.

    A share ``white`` of the variance is left as it is.

    Returns:
        (count, rows, columns) float32 on the CPU; the autocorrelation is exp(-d^2 / (4 correlation^2)) along each axis.
    """
    reaches = [math.ceil(3 * correlation) for correlation in correlations]
    field = torch.randn(count, *(size + 2 * reach for size, reach in zip(shape, reaches, strict=True)), generator=generator)
    rows, columns = (_smoothing(*line) for line in zip(shape, reaches, correlations, strict=True))
    field = rows @ field if reaches[0] else field
    field = field @ columns.T if reaches[1] else field
    if not white:
        return field
    return math.sqrt(1 - white) * field + math.sqrt(white) * torch.randn(count, *shape, generator=generator)


def _smoothing(size: int, reach: int, correlation: float) -> Tensor:
    """The smoothing of a line that is ``reach`` longer at both ends, (size, size + 2 reach): quicker than a convolution."""
    place = torch.arange(size + 2 * reach)[None] - torch.arange(size)[:, None] - reach
    kernel = torch.exp(-0.5 * (place.to(torch.float64) / max(correlation, 1e-6)).square()) * (place.abs() <= reach)
    return (kernel / kernel.square().sum(1, keepdim=True).sqrt()).float()
