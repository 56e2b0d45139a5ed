"""How heart and chest move: beats with systole, twist and pull of the base; breathing; the table."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.angiography.simulate.heart import Heart
from foreknow.errors import ParameterError
from foreknow.simulate.fields import smooth_series, uniform

_SYSTOLE, _RELAXED = 0.35, 0.60


@dataclass(frozen=True, slots=True)
class MotionSettings:
    """How much moves; ranges are drawn from evenly for each run.

    Attributes:
        heart_rate: beats per minute (1 to 1.5 Hz at rest).
        rate_variation: standard deviation of log beat duration (choice).
        shortening: fraction by which the surface comes nearer to the long axis in systole (epicardial motion of 5 to 15 mm with
            ``descent`` and ``twist``; choice within).
        descent: movement of the base towards the apex in systole, mm (mitral ring 10 to 15 mm; choice).
        twist: turn of the apex against the base in systole, degrees (8 to 15 in published torsion).
        breathing: head-to-foot movement of the diaphragm, peak to peak, mm (10 to 20 when breathing quietly; 0 to 3 when the
            breath is held). The heart follows with 0.4 to 0.6 of it.
        breath: seconds a breath.
        breath_hold: probability that the patient holds the breath (then a tenth of the movement).
        pan: probability that the table moves during the run.
        pan_length: mm that it moves.

    Raises:
        ParameterError: if a range is not in order or a rate not positive.
    """

    heart_rate: tuple[float, float] = (55.0, 95.0)
    rate_variation: float = 0.03
    shortening: tuple[float, float] = (0.10, 0.20)
    descent: tuple[float, float] = (6.0, 12.0)
    twist: tuple[float, float] = (6.0, 14.0)
    breathing: tuple[float, float] = (8.0, 18.0)
    breath: tuple[float, float] = (3.0, 5.5)
    breath_hold: float = 0.3
    pan: float = 0.15
    pan_length: tuple[float, float] = (10.0, 40.0)

    def __post_init__(self) -> None:
        ranges = (self.heart_rate, self.shortening, self.descent, self.twist, self.breathing, self.breath, self.pan_length)
        positive = self.heart_rate[0] > 0 and self.breath[0] > 0
        if not (positive and all(0 <= low <= high for low, high in ranges) and self.shortening[1] < 1):
            message = f"motion needs ranges of 0 or more in order, a heart rate and a breath above 0, not {self}"
            raise ParameterError(message)


@dataclass(frozen=True, slots=True)
class Motion:
    """The motion of a run, per frame.

    Attributes:
        cardiac: (frames,) float64 contraction, 0 in diastole to 1 at the end of systole (down to -0.08 as the atria pull).
        phase: (frames,) position in the beat, 0 to 1.
        breathing: (frames,) mm that the diaphragm is below its highest place.
        breathing_heart: (frames, 3) mm that the heart is moved by breathing, patient coordinates.
        pan: (frames, 2) mm that the picture's content is moved by the table, (right, down).
        shortening: see `MotionSettings`, as are ``descent`` and ``twist`` (the latter in radians here).
        descent: mm.
        twist: radians.
    """

    cardiac: Tensor
    phase: Tensor
    breathing: Tensor
    breathing_heart: Tensor
    pan: Tensor
    shortening: float
    descent: float
    twist: float

    def beat(self, points: Tensor, heart: Heart, grip: Tensor | None = None) -> Tensor:
        """Points (points, 3) in heart coordinates as they are in every frame, (frames, points, 3) patient coordinates, mm.

        Args:
            points: at rest.
            heart: whose axes they refer to.
            grip: (points,) 0..1, how much each point follows the heart (the catheter's tip 1, its shaft 0); all 1 if None.
        """
        follow = torch.ones_like(points[:, 0]) if grip is None else grip
        s = self.cardiac[:, None] * follow
        along = points[:, 2] / heart.half_axes[2]  # -1 base, 1 apex
        turn = s * self.twist * (0.2 + 0.5 * along)
        narrow = 1 - s * self.shortening
        x, y = points[:, 0] * narrow, points[:, 1] * narrow
        moved = torch.stack(
            (
                x * turn.cos() - y * turn.sin(),
                x * turn.sin() + y * turn.cos(),
                points[:, 2] + s * self.descent * (0.5 - 0.5 * along).clamp(0, 1),
            ),
            dim=-1,
        )
        return heart.place(moved) + self.breathing_heart[:, None] * follow[:, None]


def draw_motion(settings: MotionSettings, frames: int, rate: float, generator: torch.Generator | None = None) -> Motion:
    """The motion of a run of ``frames`` at ``rate`` a second."""
    seconds = torch.arange(frames, dtype=torch.float64) / rate
    beat = 60 / uniform(settings.heart_rate, generator)
    count = int(frames / rate / beat * 2) + 8
    durations = beat * torch.exp(settings.rate_variation * torch.randn(count, generator=generator, dtype=torch.float64))
    starts = durations.cumsum(0) - durations - float(torch.rand(1, generator=generator)) * durations[0]
    index = torch.searchsorted(starts, seconds, right=True) - 1
    phase = ((seconds - starts[index]) / durations[index]).clamp(0, 1)
    held = float(torch.rand(1, generator=generator)) < settings.breath_hold
    depth = uniform(settings.breathing, generator) * (0.1 if held else 1.0)
    period = uniform(settings.breath, generator)
    offset = float(torch.rand(1, generator=generator))
    drift = 0.15 * smooth_series(frames, rate * period, generator)
    breathing = depth * (0.5 - 0.5 * torch.cos(2 * math.pi * (seconds / period + offset))) ** 1.3 + depth * drift
    follow = uniform((0.4, 0.6), generator)
    direction = torch.tensor([0.0, -0.25, -1.0], dtype=torch.float64)
    return Motion(
        contraction(phase),
        phase,
        breathing,
        follow * breathing[:, None] * direction,
        _pan(settings, seconds, generator),
        uniform(settings.shortening, generator),
        uniform(settings.descent, generator),
        math.radians(uniform(settings.twist, generator)),
    )


def contraction(phase: Tensor) -> Tensor:
    """Contraction over a beat: up to 1 at 0.35 of the beat, back until 0.6, then at rest, with the atria's pull at the end."""
    systole = (phase / _SYSTOLE).clamp(0, 1)
    relaxing = ((phase - _SYSTOLE) / (_RELAXED - _SYSTOLE)).clamp(0, 1)
    atrial = ((phase - 0.85) / 0.15).clamp(0, 1)
    systolic = 0.25 * (1 - torch.cos(math.pi * systole)) * (1 + torch.cos(math.pi * relaxing))
    return systolic - 0.08 * torch.sin(math.pi * atrial).square()


def _pan(settings: MotionSettings, seconds: Tensor, generator: torch.Generator | None) -> Tensor:
    happens = float(torch.rand(1, generator=generator)) < settings.pan
    length = uniform(settings.pan_length, generator)
    angle = uniform((0, 2 * math.pi), generator)
    last = float(seconds[-1])
    start = uniform((0.4 * last, 0.7 * last), generator)
    course = 0.5 - 0.5 * torch.cos(math.pi * ((seconds - start) / max(1e-3, 0.3 * last)).clamp(0, 1))
    amount = length * course if happens else torch.zeros_like(course)
    return amount[:, None] * torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
