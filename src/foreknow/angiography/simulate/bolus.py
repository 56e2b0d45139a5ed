"""The contrast agent: a gamma-variate response to a box-shaped injection that arrives later and broader the farther it flows."""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.simulate.fields import smooth_series, uniform


@dataclass(frozen=True, slots=True)
class BolusSettings:
    """How contrast agent is injected and carried; ranges are drawn from evenly for each run.

    Attributes:
        start: beginning of the injection, seconds; negative: before the first frame (choice).
        duration: of the injection, seconds (3 to 8 ml in 2 to 4 s by hand).
        shape: exponent a of the gamma variate (t/b)^a e^(-t/b) (1.5 to 4).
        scale: time constant b at the ostium, seconds (0.2 to 0.6).
        speed: of flow along the vessels, mm/s (100 to 300).
        dispersion: growth of b with 100 mm of path, relative (choice).
        opacity: attenuation of the agent in the ostium, 1/mm (iodine has about 1.2 mm2/mg at 60 to 80 kV, undiluted agent 0.3 to
            0.4 mg/mm3: 0.36 to 0.48; blood dilutes it. Main arteries of XCAD frames then have their 0.5 to 0.9 behind scatter).
        pulsation: relative fall of concentration at the peak of coronary flow (diastole in the left artery; choice).
        streaming: standard deviation of the concentration along a vessel, relative (choice).

    Raises:
        ParameterError: if a range is not in order or a number not positive.
    """

    start: tuple[float, float] = (0.5, 1.0)
    duration: tuple[float, float] = (1.8, 3.5)
    shape: tuple[float, float] = (1.5, 3.0)
    scale: tuple[float, float] = (0.1, 0.25)
    speed: tuple[float, float] = (100.0, 250.0)
    dispersion: float = 0.8
    opacity: tuple[float, float] = (0.32, 0.48)
    pulsation: float = 0.2
    streaming: float = 0.06

    def __post_init__(self) -> None:
        ranges = (self.start, self.duration, self.shape, self.scale, self.speed, self.opacity)
        ordered = all(low <= high for low, high in ranges)
        positive = min(self.duration[0], self.shape[0], self.scale[0], self.speed[0]) > 0
        if not (positive and ordered and 0 <= self.pulsation < 1 and self.dispersion >= 0):
            message = f"a bolus needs ranges in order, positive times and speed, and a pulsation of 0 to below 1, not {self}"
            raise ParameterError(message)


@dataclass(frozen=True, slots=True)
class Bolus:
    """The bolus of a run.

    Attributes:
        start: of the injection, seconds; and ``duration``.
        duration: seconds.
        shape: exponent of the gamma variate.
        scale: its time constant at the ostium, seconds.
        speed: mm/s.
        opacity: 1/mm at full concentration.
        dispersion: see `BolusSettings`, as ``pulsation``.
        pulsation: relative.
    """

    start: float
    duration: float
    shape: float
    scale: float
    speed: float
    opacity: float
    dispersion: float
    pulsation: float

    def concentration(self, seconds: Tensor, path: Tensor, flow: Tensor | None = None) -> Tensor:
        r"""Concentration relative to the undiluted agent, (frames, points).

        The response of a segment at path s to a unit impulse is the gamma variate of unit area that starts at s / speed, with
        b(s) = scale (1 + dispersion s / 100 mm). Its convolution with the injection is a difference of two regularised incomplete
        gamma functions P(a + 1, t / b): exact, and never above 1.

        Args:
            seconds: (frames,) float64.
            path: (points,) mm from the ostium.
            flow: (frames,) coronary flow 0..1; it dilutes by ``pulsation``.
        """
        b = self.scale * (1 + self.dispersion * path / 100)
        elapsed = seconds[:, None] - self.start - path / self.speed
        power = torch.as_tensor(self.shape + 1, dtype=seconds.dtype)
        risen = torch.special.gammainc(power, elapsed.clamp_min(0) / b)
        fallen = torch.special.gammainc(power, (elapsed - self.duration).clamp_min(0) / b)
        diluted = 1.0 if flow is None else 1 - self.pulsation * flow[:, None]
        return (risen - fallen) * diluted


def draw_bolus(settings: BolusSettings, generator: torch.Generator | None = None) -> Bolus:
    """The bolus of a run."""
    start, duration, shape, scale, speed, opacity = (
        uniform(low_high, generator)
        for low_high in (settings.start, settings.duration, settings.shape, settings.scale, settings.speed, settings.opacity)
    )
    return Bolus(start, duration, shape, scale, speed, opacity, settings.dispersion, settings.pulsation)


def coronary_flow(phase: Tensor, artery: str) -> Tensor:
    """Flow over a beat, 0..1: the left artery is fed in diastole, the right in both (left ventricular pressure throttles it)."""
    diastole = torch.sigmoid((phase - 0.42) / 0.03) * torch.exp(-(phase - 0.42).clamp_min(0) / 0.5)
    systole = torch.exp(-0.5 * ((phase - 0.18) / 0.09).square())
    return diastole + 0.25 * systole if artery == "left" else 0.7 * diastole + 0.6 * systole


def streaks(settings: BolusSettings, count: int, step: float, generator: torch.Generator | None = None) -> Tensor:
    """Concentration varies along the stream: (count,) float64 factors about 1, one per ``step`` mm of the moving column."""
    return (1 + settings.streaming * smooth_series(count, 6.0 / step, generator)).clamp(0.5, 1.5)
