"""Dark blobs of all sizes: where they are, and how large, in the windows of a field in which there may be any."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn import functional

from foreknow.simulate.blur import gaussian_blur

_FINE, _WIDE = (2.0, 2.8), (4.0, 5.6, 8.0)  # standard deviations, pixels; a disc of radius r answers most at r / sqrt(2)
_HALF = 2  # pixels of a square, to which a density is reduced that is smooth: the narrowest blur is as wide as one
_RATIO = 1.4  # of one to the next
_OWN = 0.9  # of its radius: within which a blob bears no other
_BLOCK, _TOGETHER, _MARGIN = 64, 8, 32  # pixels; blocks, as many as fit into the cache; pixels, as far as the widest blur reaches


@dataclass(frozen=True)
class Blobs:
    """Blobs of a field, none within another that weighs more.

    Attributes:
        rows: (n,) of the centres.
        columns: likewise.
        radius: (n,) pixels.
    """

    rows: NDArray[np.intp] = field(repr=False)
    columns: NDArray[np.intp] = field(repr=False)
    radius: NDArray[np.float32] = field(repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    def of_those(self, kept: NDArray[np.bool_]) -> Blobs:
        """Some of them."""
        return Blobs(self.rows[kept], self.columns[kept], self.radius[kept])


def find_blobs(density: Tensor, least: float, where: NDArray[np.bool_] | None = None) -> Blobs:
    """Maxima over scale space (Lindeberg 1998), differences of Gaussians for the Laplacian, at half the size.

    Args:
        density: (height, width), smoothed.
        least: answer that a blob gives at least.
        where: (height, width), near which blobs are sought; everywhere if None.
    """
    height, width = density.shape
    found: list[NDArray[np.float64]] = []
    for place, own in _windows((height, width), where):
        answer, radius = _answers(density[place])
        peaks = _peaks(answer, least)
        at = (peaks[:, 0], peaks[:, 1])
        rows, columns = (
            np.clip(_HALF * (at[axis] + _beside(answer, at, axis)) + 0.5, 0, size - 1 - place[axis].start).round().astype(np.intp)
            + place[axis].start
            for axis, size in enumerate((height, width))
        )
        kept = own[rows // _BLOCK, columns // _BLOCK]
        found.append(np.stack((rows, columns, radius[at], answer[at]), axis=1)[kept])
    every = np.concatenate(found) if found else np.zeros((0, 4))
    every = _apart(every)
    return Blobs(every[:, 0].astype(np.intp), every[:, 1].astype(np.intp), every[:, 2].astype(np.float32))


def _windows(shape: tuple[int, ...], where: NDArray[np.bool_] | None) -> list[tuple[tuple[slice, slice], NDArray[np.bool_]]]:
    """Slices of the field and the blocks that each answers for."""
    height, width = shape[-2:]
    blocks = (-(-height // _BLOCK), -(-width // _BLOCK))
    used = np.ones(blocks, dtype=bool)
    if where is not None:
        rows = np.logical_or.reduceat(where, np.arange(0, height, _BLOCK), axis=0)
        used = np.logical_or.reduceat(rows, np.arange(0, width, _BLOCK), axis=1)
    windows = []
    for top in range(0, blocks[0], _TOGETHER):
        for left in range(0, blocks[1], _TOGETHER):
            own = np.zeros(blocks, dtype=bool)
            own[top : top + _TOGETHER, left : left + _TOGETHER] = used[top : top + _TOGETHER, left : left + _TOGETHER]
            for down, right in ndimage.find_objects(own.astype(np.int8)):
                first = (max(0, down.start * _BLOCK - _MARGIN), max(0, right.start * _BLOCK - _MARGIN))
                last = (min(height, down.stop * _BLOCK + _MARGIN), min(width, right.stop * _BLOCK + _MARGIN))
                windows.append(((slice(first[0], last[0]), slice(first[1], last[1])), own))
    return windows


def _answers(density: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The largest normalised answer over scales at half the size, and the radius it belongs to; wide ones at a quarter."""
    half = functional.avg_pool2d(density[None], _HALF, ceil_mode=True, count_include_pad=False)[0]
    known = _variance_of_square(_HALF)
    best, radius, smooth = _largest(half, tuple(scale / _HALF for scale in _FINE), known)
    quarter = functional.avg_pool2d(smooth[None], 2, ceil_mode=True, count_include_pad=False)[0]
    known = (_FINE[-1] / _HALF) ** 2 / _RATIO / 4 + _variance_of_square(2)
    coarse, size, _ = _largest(quarter, tuple(scale / (2 * _HALF) for scale in _WIDE), known)
    height, width = half.shape
    coarse = functional.interpolate(coarse[None, None], scale_factor=2, mode="bicubic")[0, 0, :height, :width]  # keeps tops high
    size = 2 * size.repeat_interleave(2, dim=0).repeat_interleave(2, dim=1)[:height, :width]
    return torch.maximum(best, coarse).numpy(), (_HALF * torch.where(coarse > best, size, radius)).numpy()


def _variance_of_square(side: int) -> float:
    """Of the mean over a square of pixels, in squares of it."""
    return (1 - 1 / side**2) / 12


def _largest(density: Tensor, scales: tuple[float, ...], known: float) -> tuple[Tensor, Tensor, Tensor]:
    """Answer and radius over scales, in pixels of a density that is blurred by a ``known`` variance; its widest blur but one."""
    best, radius = torch.zeros_like(density), torch.ones_like(density)
    narrow, wide, variance = density, density, known
    for scale in (None, *scales):
        next_variance = scales[0] ** 2 / _RATIO if scale is None else scale**2 * _RATIO
        narrow, wide = wide, gaussian_blur(wide, math.sqrt(max(0.0, next_variance - variance)))
        if scale is not None:
            answer = (narrow - wide).mul_(1.2 / (_RATIO - 1))
            radius.masked_fill_(answer > best, scale * math.sqrt(2))
            best = torch.maximum(best, answer)
        variance = max(variance, next_variance)
    return best, radius, narrow


def _peaks(answer: NDArray[np.float32], least: float) -> NDArray[np.intp]:
    """Rows and columns of those that none of the eight around exceeds."""
    top = answer
    for axis in (0, 1):
        top = _highest(top, axis)
    return np.argwhere((answer == top) & (answer > least))


def _highest(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """The largest of three in a row."""
    out = values.copy()
    low, high = ([slice(None)] * 2 for _ in range(2))
    low[axis], high[axis] = slice(0, -1), slice(1, None)
    np.maximum(out[tuple(low)], values[tuple(high)], out=out[tuple(low)])
    np.maximum(out[tuple(high)], values[tuple(low)], out=out[tuple(high)])
    return out


def _beside(answer: NDArray[np.float32], at: tuple[NDArray[np.intp], NDArray[np.intp]], axis: int) -> NDArray[np.float64]:
    """How far the top of a parabola through a peak and its neighbours along an axis is beside it, at most half a step."""
    before, after = ([*at], [*at])
    before[axis], after[axis] = np.maximum(at[axis] - 1, 0), np.minimum(at[axis] + 1, answer.shape[axis] - 1)
    low, middle, high = (answer[tuple(one)].astype(np.float64) for one in (before, at, after))
    bend = 2 * middle - low - high
    return np.clip((high - low) / np.maximum(2 * bend, 1e-12), -0.5, 0.5)


def _apart(peaks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Peaks of which none lies within another blob of more weight (answer times radius): one for a nucleus, not its chromatin."""
    if len(peaks) < 2:
        return peaks
    reach = _OWN * peaks[:, 2]
    order = np.argsort(-peaks[:, 3] * reach, kind="stable")
    peaks, reach = peaks[order], reach[order]
    pairs = cKDTree(peaks[:, :2]).query_pairs(float(reach.max()), output_type="ndarray")
    apart = np.linalg.norm(peaks[pairs[:, 0], :2] - peaks[pairs[:, 1], :2], axis=1)
    near = apart < np.maximum(reach[pairs[:, 0]], reach[pairs[:, 1]])
    stronger, weaker = pairs[near].min(axis=1), pairs[near].max(axis=1)
    kept = np.ones(len(peaks), dtype=bool)
    for first, second in zip(*(side[np.argsort(stronger)] for side in (stronger, weaker)), strict=True):
        if kept[first]:
            kept[second] = False
    return peaks[kept]
