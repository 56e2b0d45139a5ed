"""Breathing and common offset of a real depth camera, measured on the mean depth of a region over time."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import DataError

_LOWEST, _HIGHEST = 0.08, 0.7  # hertz
_PADDING = 8
_HARMONICS = 3
_SECOND_DIFFERENCE = 6.0


@dataclass(frozen=True, slots=True)
class BreathingFit:
    """What was measured.

    Attributes:
        hertz: frequency of breathing.
        amplitude_mm: of its first harmonic.
        offset_mm: standard deviation from frame to frame of the mean of the region: the common part of a camera's noise.
    """

    hertz: float
    amplitude_mm: float
    offset_mm: float


def fit_breathing(seconds: Tensor, displacement: Tensor) -> BreathingFit:
    """Measure breathing: the frequency whose first harmonics leave least of the course, and what is left from frame to frame.

    Args:
        seconds: (time,) rising, evenly spaced but for jitter.
        displacement: (time,) millimetres; any offset and slow drift.

    Raises:
        DataError: if there is less than 8 s or the courses do not fit together.
    """
    if seconds.ndim != 1 or seconds.shape != displacement.shape or len(seconds) < 32 or float(seconds[-1] - seconds[0]) < 8:
        message = f"breathing is measured on 8 s or more of times and displacements, not {tuple(displacement.shape)}"
        raise DataError(message)
    times, course = seconds.to(torch.float64) - seconds[0], displacement.to(torch.float64)
    span = float(times[-1])
    count = math.ceil((_HIGHEST - _LOWEST) * span * _PADDING)
    frequencies = torch.linspace(_LOWEST, _HIGHEST, count, dtype=torch.float64)
    centred = 2 * times / span - 1
    slow = torch.stack([centred**power for power in range(4)], dim=1)
    orders = torch.arange(1, _HARMONICS + 1, dtype=torch.float64)
    angles = 2 * torch.pi * frequencies[:, None, None] * times[:, None] * orders
    design = torch.cat((slow.expand(count, -1, -1), torch.cos(angles), torch.sin(angles)), dim=2)
    solution = torch.linalg.lstsq(design, course[None, :, None].expand(count, -1, -1)).solution
    left = ((design @ solution)[..., 0] - course).square().mean(1)
    weights = solution[:, :, 0]
    first = weights[:, 4].square() + weights[:, 4 + _HARMONICS].square()
    higher = sum(weights[:, 4 + order].square() + weights[:, 4 + _HARMONICS + order].square() for order in range(1, _HARMONICS))
    score = torch.where(first > higher, left, float("inf"))  # half of the true frequency would explain as much by its second
    best = int((score if bool(score.isfinite().any()) else left).argmin())
    bend = course[2:] - 2 * course[1:-1] + course[:-2]
    spread = 1.4826 * float((bend - bend.median()).abs().median())
    return BreathingFit(float(frequencies[best]), float(first[best].sqrt()), spread / _SECOND_DIFFERENCE**0.5)
