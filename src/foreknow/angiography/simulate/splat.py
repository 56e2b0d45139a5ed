"""Tubes seen by X-rays: the length of every ray inside them, from discs laid along their centre lines."""

import torch
from torch import Tensor

_REACHES = (1, 2, 3, 4, 6, 8, 11, 16, 24, 40, 80)


def splat_tubes(places: Tensor, radius: Tensor, lengths: Tensor, size: int, dtype: torch.dtype = torch.float32) -> Tensor:
    r"""Line integrals through tubes of density 1.

    A tube that is cut into thin slices of length ``l`` is the sum of discs: at distance d from the projected centre line, the discs
    of radius r that cover a pixel add up to 2 sqrt(r^2 - d^2) times l over its projection, which is the chord of the tube along the
    ray, also where the tube is foreshortened. Discs are normalised on the pixels that they touch, so that volume is kept at any
    radius; those thinner than a pixel are drawn a pixel wide and paler. Sums run in a fixed order on the CPU: the result is bitwise
    reproducible there.

    Args:
        places: (frames, points, 2) column and row in pixels.
        radius: (frames, points) pixels.
        lengths: (frames, points) length of the slice, times its density.
        size: pixels of a side.
        dtype: of the result.

    Returns:
        (frames, size, size) in units of ``lengths``.
    """
    frames = places.shape[0]
    canvas = torch.zeros(frames * size * size, dtype=dtype, device=places.device)
    reach = torch.tensor(_REACHES, dtype=radius.dtype, device=radius.device)
    kind = torch.searchsorted(reach, radius + 0.5).clamp_max(len(_REACHES) - 1)
    inside = ((places > -_REACHES[-1]) & (places < size + _REACHES[-1])).all(dim=-1) & (lengths != 0)
    frame = torch.arange(frames, device=places.device)[:, None].expand_as(radius)
    for number, half in enumerate(_REACHES):
        chosen = inside & (kind == number)
        if not bool(chosen.any()):
            continue
        offset = torch.arange(-half, half + 1, device=places.device)
        place, r, weight, home = places[chosen], radius[chosen].to(dtype), lengths[chosen].to(dtype), frame[chosen]
        column = place[:, :1].round() + offset
        row = place[:, 1:].round() + offset
        square_x = (column - place[:, :1]).to(dtype).square()
        square_y = (row - place[:, 1:]).to(dtype).square()
        distance = (square_y[:, :, None] + square_x[:, None, :]).sqrt()
        cover = (r.clamp_min(0.5)[:, None, None] + 0.5 - distance).clamp(0, 1)
        total = cover.sum(dim=(1, 2)).clamp_min(1e-6)
        scale = weight * torch.pi * r.square() / total
        column, row = column.long(), row.long()
        x_in, y_in = (column >= 0) & (column < size), (row >= 0) & (row < size)
        value = cover * scale[:, None, None] * (y_in[:, :, None] & x_in[:, None, :])
        index = (
            home[:, None, None] * (size * size) + row.clamp(0, size - 1)[:, :, None] * size + column.clamp(0, size - 1)[:, None, :]
        )
        canvas.index_add_(0, index.reshape(-1), value.reshape(-1))
    return canvas.reshape(frames, size, size)


def refine(points: Tensor, parts: int) -> Tensor:
    """Polyline values (..., points, dims) with ``parts`` interpolated points for each (the last one repeated)."""
    following = torch.cat((points[..., 1:, :], points[..., -1:, :]), dim=-2)
    share = torch.arange(parts, dtype=points.dtype, device=points.device) / parts
    fine = points[..., :, None, :] + share[:, None] * (following - points)[..., :, None, :]
    return fine.flatten(-3, -2)
