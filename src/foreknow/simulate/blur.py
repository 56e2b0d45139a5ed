"""Gaussian blur of any width on any device, and motion of pictures by fractions of a pixel."""

import math

import torch
from torch import Tensor
from torch.nn import functional

_COARSE = 4.0


def gaussian_blur(images: Tensor, sigma: float) -> Tensor:
    """Images (..., height, width) blurred by a Gaussian of standard deviation ``sigma`` pixels; borders are continued.

    Wide blurs are computed on a coarser grid: their error is about 1 % of the range of the image, some percent at its border.
    """
    if sigma <= 0:
        return images
    flat = images.reshape(-1, 1, *images.shape[-2:])
    factor = min(int(sigma / _COARSE), *(size // 8 for size in images.shape[-2:]))
    if factor > 1:
        coarse = functional.avg_pool2d(flat, factor, ceil_mode=True, count_include_pad=False)
        narrow = gaussian_blur(coarse, math.sqrt(max(0.0, (sigma / factor) ** 2 - 1 / 12 - 1 / 6)))
        grid = functional.interpolate(narrow, scale_factor=factor, mode="bilinear", align_corners=False)
        return grid[..., : images.shape[-2], : images.shape[-1]].reshape(images.shape)
    reach = max(1, math.ceil(3.5 * sigma))
    taps = [math.exp(-0.5 * (place / sigma) ** 2) for place in range(reach + 1)]
    total = taps[0] + 2 * sum(taps[1:])
    taps = [tap / total for tap in taps]
    flat = functional.pad(flat[:, 0], (reach, reach, reach, reach), mode="replicate")
    return _filtered(_filtered(flat, taps, -2), taps, -1).reshape(images.shape)


def _filtered(images: Tensor, taps: list[float], axis: int) -> Tensor:
    """The sum of shifted images: for short filters many times quicker than a convolution of one channel."""
    reach = len(taps) - 1
    count = images.shape[axis] - 2 * reach
    total = taps[0] * images.narrow(axis, reach, count)
    for place, tap in enumerate(taps[1:], start=1):
        total.add_(images.narrow(axis, reach + place, count), alpha=tap)
        total.add_(images.narrow(axis, reach - place, count), alpha=tap)
    return total


def moved(picture: Tensor, shifts: Tensor, size: tuple[int, int]) -> Tensor:
    """Windows of one large picture: where its content has moved by ``shifts``.

    Args:
        picture: (height, width), at least as large as ``size``; the window at rest is its middle.
        shifts: (frames, 2) movement of the content in pixels, (down, right); any fractions.
        size: of a window.

    Returns:
        (frames, *size); beyond the picture its border is continued.
    """
    height, width = picture.shape
    rows = torch.arange(size[0], dtype=picture.dtype, device=picture.device) + (height - size[0]) / 2
    columns = torch.arange(size[1], dtype=picture.dtype, device=picture.device) + (width - size[1]) / 2
    y = (rows[None] - shifts[:, :1]) * 2 / max(1, height - 1) - 1
    x = (columns[None] - shifts[:, 1:]) * 2 / max(1, width - 1) - 1
    grid = torch.stack((x[:, None, :].expand(-1, size[0], -1), y[:, :, None].expand(-1, -1, size[1])), dim=-1).to(picture.dtype)
    source = picture.expand(len(shifts), 1, height, width)
    return functional.grid_sample(source, grid, mode="bicubic", padding_mode="border", align_corners=True)[:, 0]
