"""Lungs in the picture: vessels and bronchi that branch out from the hilum, blotches of 5 to 14 mm, fine texture."""

import math

import torch
from torch import Tensor

from foreknow.angiography.simulate.splat import splat_tubes
from foreknow.simulate.fields import power_law_field, smooth_series, uniform

_STEP = 0.7  # mm


def lung_markings(
    right: Tensor, down: Tensor, hila: tuple[tuple[float, float], ...], pixel: float, generator: torch.Generator | None = None
) -> Tensor:
    """Markings of inflated lung, mean about 0, (height, width), standard deviation about 1.

    Args:
        right: (1, width) mm.
        down: (height, 1) mm.
        hila: where the vessels come from, (right, down) mm.
        pixel: mm.
        generator: source of all random numbers (CPU).
    """
    size = max(right.shape[1], down.shape[0])
    tubes = sum(
        (_vessels(right, down, hilum, pixel, size, generator) for hilum in hila), torch.zeros(size, size, dtype=right.dtype)
    )[: down.shape[0], : right.shape[1]]
    fine = power_law_field((down.shape[0], right.shape[1]), 3.3, generator, longest=25 / pixel, shortest=2.2, dtype=right.dtype)
    blotches = power_law_field(fine.shape, 2.0, generator, longest=14 / pixel, shortest=5 / pixel, dtype=right.dtype)
    tubes = tubes / tubes.std().clamp_min(1e-6)
    total = tubes - tubes.mean() + 0.8 * fine + 1.2 * blotches
    return total / total.std()


def _vessels(
    right: Tensor, down: Tensor, hilum: tuple[float, float], pixel: float, size: int, generator: torch.Generator | None
) -> Tensor:
    """Tubes that run from a hilum outwards, three generations of them, each crooked and thinning."""
    numbers, lengths, radii = (14, 80, 260), (95.0, 45.0, 22.0), (1.2, 0.8, 0.45)
    starts = torch.tensor([hilum], dtype=torch.float64) + 14 * torch.randn(numbers[0], 2, generator=generator, dtype=torch.float64)
    angles = 2 * math.pi * torch.rand(numbers[0], generator=generator, dtype=torch.float64)
    canvas = torch.zeros(size, size, dtype=right.dtype)
    corner = torch.stack((right[0, 0], down[0, 0])).double()
    for number, length, width in zip(numbers, lengths, radii, strict=True):
        count = int(length / _STEP)
        wander = 0.5 * smooth_series(count, 12 / _STEP, generator, batch=number)
        heading = angles[:, None] + wander - wander[:, :1]
        move = _STEP * torch.stack((heading.cos(), heading.sin()), dim=-1)
        track = starts[:, None] + move.cumsum(1)
        spread = 0.6 + 0.8 * torch.rand(number, 1, generator=generator, dtype=torch.float64)
        radius = width * spread * torch.linspace(1, 0.35, count, dtype=torch.float64)
        places = ((track - corner) / pixel).reshape(1, -1, 2)
        mass = torch.full_like(radius, _STEP * uniform((0.8, 1.2), generator)).reshape(1, -1)
        canvas = canvas + splat_tubes(places, (radius / pixel).reshape(1, -1), mass, size, right.dtype)[0]
        if number == numbers[-1]:
            break
        following = numbers[numbers.index(number) + 1]
        chosen = torch.randint(number, (following,), generator=generator)
        along = torch.randint(count // 6, count, (following,), generator=generator)
        starts = track[chosen, along]
        turn = torch.where(torch.rand(following, generator=generator, dtype=torch.float64) < 0.5, -0.7, 0.7)
        angles = heading[chosen, along] + turn
    return canvas
