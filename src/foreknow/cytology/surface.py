"""Smooth surfaces that are known on a coarse grid, at the pixels of an image."""

from __future__ import annotations

import torch
from torch import Tensor

from foreknow.cytology.bands import bands


def at_pixels(surface: Tensor, step: int, size: tuple[int, int], origin: tuple[int, int] = (0, 0)) -> Tensor:
    """Bilinear interpolation between the middles of squares of ``step`` pixels, continued at the border.

    Args:
        surface: (channels, h, w), one value a square.
        step: side of a square, pixels.
        size: (height, width) of the window.
        origin: its first row and column.

    Returns:
        (channels, height, width).
    """
    (top, bottom, down), (left, right, across) = (
        _between(first, count, step, known) for first, count, known in zip(origin, size, surface.shape[1:], strict=True)
    )
    wide = torch.lerp(surface[..., left], surface[..., right], across.to(surface))
    out = surface.new_empty((len(surface), *size))
    for band in bands(size[0]):
        for plane, full in zip(wide, out, strict=True):
            torch.lerp(plane[top[band]], plane[bottom[band]], down[band, None].to(surface), out=full[band])
    return out


def _between(first: int, count: int, step: int, known: int) -> tuple[Tensor, Tensor, Tensor]:
    """For each of the pixels, the squares between whose middles it lies, and how far on the way."""
    place = ((torch.arange(first, first + count, dtype=torch.float64) + 0.5) / step - 0.5).clamp(0, known - 1)
    low = place.long()
    return low, (low + 1).clamp_max(known - 1), place - low
