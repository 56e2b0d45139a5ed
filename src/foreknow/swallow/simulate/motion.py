"""Motion that never stops: breathing, pulse, sway of the head."""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.simulate.fields import smooth_series, uniform
from foreknow.swallow.simulate.bumps import Channel
from foreknow.swallow.simulate.swallows import Range, check_ranges


@dataclass(frozen=True, slots=True)
class MotionSettings:
    """Breathing, pulse and sway of a person; a value is drawn from each range.

    Attributes:
        breathing_hertz: 0.15 to 0.4 at rest.
        breathing_mm: amplitude of the skin at the neck (0.5 to 2; the chest moves 3 to 14, D435 recordings at 1 m).
        apnoea: how far breathing stops while a swallow lasts, 0..1 (deglutition apnoea; size: choice).
        pulse_hertz: 1 to 1.5.
        pulse_mm: over the carotid artery (0.05 to 0.3, not published).
        sway_mm: standard deviation of the position along each axis after 30 s, a smooth random walk (1 to 5).
        sway_degrees: the same of the angles (1 to 3).

    Raises:
        ParameterError: if a range is not in order or ``apnoea`` is not a share.
    """

    breathing_hertz: Range = (0.15, 0.40)
    breathing_mm: Range = (0.5, 2.0)
    apnoea: float = 0.9
    pulse_hertz: Range = (1.0, 1.5)
    pulse_mm: Range = (0.05, 0.3)
    sway_mm: Range = (1.0, 3.0)
    sway_degrees: Range = (0.5, 1.5)

    def __post_init__(self) -> None:
        check_ranges(self, "breathing_mm", "pulse_mm", "sway_mm", "sway_degrees")
        check_ranges(self, "breathing_hertz", "pulse_hertz", lowest=0.01)
        if not 0 <= self.apnoea <= 1:
            message = f"the share of breathing that stops in a swallow lies between 0 and 1, not {self.apnoea}"
            raise ParameterError(message)


@dataclass(frozen=True, slots=True)
class RestlessMotion:
    """Courses of what never stops, each (time,) or (3, time), float64.

    Attributes:
        breathing: millimetres.
        pulse: millimetres.
        position: (3, time) right, down, away, millimetres.
        angles: (3, time) about those axes, radians.
    """

    breathing: Tensor
    pulse: Tensor
    position: Tensor
    angles: Tensor


def draw_motion(settings: MotionSettings, course: Tensor, rate: float, generator: torch.Generator) -> RestlessMotion:
    """Draw the motion of a trial.

    Args:
        settings: how it is drawn.
        course: (channels, time) of the bumps; breathing pauses with the mouth floor, chewing does not stop it.
        rate: frames per second.
        generator: source of all random numbers (CPU).
    """
    count = course.shape[1]
    lifted = (course[Channel.LARYNX] / 8).clamp(0, 1) * (course[Channel.SUBMENTAL] / 1.5).clamp(0, 1)
    hertz = uniform(settings.breathing_hertz, generator) * torch.exp(0.12 * smooth_series(count, 3 * rate, generator))
    phase = 2 * torch.pi * ((hertz * (1 - settings.apnoea * lifted)).cumsum(0) / rate + uniform((0, 1), generator))
    depth = uniform(settings.breathing_mm, generator) * torch.exp(0.15 * smooth_series(count, 4 * rate, generator))
    breathing = depth * (torch.sin(phase) + 0.18 * torch.sin(2 * phase + 0.8))
    beat = uniform(settings.pulse_hertz, generator) * torch.exp(0.04 * smooth_series(count, 2 * rate, generator))
    turns = (beat.cumsum(0) / rate + uniform((0, 1), generator)) % 1
    pulse = uniform(settings.pulse_mm, generator) * (turns / 0.12).clamp(max=1) * torch.exp(-(turns - 0.12).clamp(min=0) / 0.25)
    steps = smooth_series(count, 0.4 * rate, generator, batch=6).cumsum(1)
    spread = _walk_spread(0.4 * rate, 30 * rate)
    walk = (steps - steps[:, :1]) / spread
    sizes = torch.rand(6, 1, generator=generator, dtype=torch.float64)
    (mm_low, mm_high), (degrees_low, degrees_high) = settings.sway_mm, settings.sway_degrees
    position = walk[:3] * (mm_low + (mm_high - mm_low) * sizes[:3])
    angles = torch.deg2rad(walk[3:] * (degrees_low + (degrees_high - degrees_low) * sizes[3:]))
    return RestlessMotion(breathing, pulse, position, angles)


def _walk_spread(correlation: float, steps: float) -> float:
    """Standard deviation of the sum of ``steps`` samples of a unit series whose autocorrelation is exp(-(lag / 2c)^2)."""
    return float((steps * 2 * correlation * torch.pi**0.5) ** 0.5)
