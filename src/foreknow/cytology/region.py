"""Where cells are: a threshold that the noise of the background sets, and what is too thin or too small to be a cell."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from foreknow.cytology.background import lower_noise
from foreknow.cytology.bands import bands
from foreknow.cytology.discs import narrowed, widened
from foreknow.cytology.nuclei import Nuclei
from foreknow.cytology.runs import Runs
from foreknow.cytology.settings import DetectSettings

LEAST_NOISE = 1e-3  # optical density
_THINNEST = 1.5  # pixels
_COLOUR = 0.08  # standard deviation of density over channels, as a part of the mean, below which there is no dye
_ENOUGH = 1 << 16  # pixels that tell the noise, taken at odd steps, since cameras and files have patterns of even ones
_FINE = 4  # coarse pixels of the radius of a disc
_STEPS, _SURE = (4, 2, 1), 12  # every so many pixels thickness is looked at, if cells are at least so many of them thick


def density_noise(smooth: Tensor) -> Tensor:
    """Noise of each channel of a smoothed density above the background, (channels,), by what is below 0."""
    step = 2 * (math.isqrt(smooth[0].numel() // _ENOUGH) // 2) + 1
    return lower_noise(smooth[:, ::step, ::step].flatten(1)).clamp_min(LEAST_NOISE)


def dark_region(
    smooth: Tensor, noise: Tensor, above: Tensor, settings: DetectSettings
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Pixels above the level of cells in parts that reach the peak (a threshold with hysteresis; Canny 1986): stained, colourless.

    How far a pixel is above the background is the root mean square over channels of what is above 0, in standard deviations.

    Args:
        smooth: (channels, height, width) smoothed optical density above the background.
        noise: (channels,) of it where no cell is.
        above: (channels, height, width) optical density above the background.
        settings: level and peak.
    """
    mask, surely = (np.empty(tuple(smooth.shape[1:]), dtype=bool) for _ in range(2))
    for band in bands(smooth.shape[1]):
        square = sum((plane[band] / float(sigma)).clamp_min_(0).square_() for plane, sigma in zip(smooth, noise, strict=True))
        for level, out in ((settings.level, mask), (settings.peak, surely)):
            torch.gt(torch.as_tensor(square), len(noise) * level**2, out=torch.as_tensor(out[band]))
    if not surely.any():
        return surely, surely.copy()
    parts, count = ndimage.label(mask)
    runs = Runs.of(parts)
    kept = runs.holding(surely, count)
    dull = colourless(runs, count, above) & kept
    dust = runs.looked_up(dull) if dull.any() else np.zeros_like(mask)
    return runs.looked_up(kept & ~dull), dust


def colourless(parts: Runs, count: int, above: Tensor) -> NDArray[np.bool_]:
    """Which parts take light from all channels alike, (count + 1,): a dye does not, but dust, scratches and shadows do.

    Of grey images nothing is known to be so.
    """
    if len(above) != 3:
        return np.zeros(count + 1, dtype=bool)
    sums = np.stack([parts.by_label(parts.sums(plane.numpy()), count) for plane in above])
    return np.asarray(sums.std(axis=0) < _COLOUR * np.abs(sums.mean(axis=0)))


def cell_region(
    mask: NDArray[np.bool_], nuclei: Nuclei, settings: DetectSettings, above: Tensor, radius: float | None = None
) -> tuple[NDArray[np.int32], NDArray[np.bool_], float]:
    """Labels of connected parts with cells, pixels of debris, and the inscribed radius of a typical cell in pixels.

    An opening takes scratches away; small holes are filled. What is nowhere thick or has no colour is debris, unless it has a
    nucleus.

    Args:
        mask: (height, width), see `dark_region`.
        nuclei: of the field.
        settings: what is thin and small.
        above: (channels, height, width) optical density above the background.
        radius: of a typical cell, if it is known better than from this field.
    """
    radius = typical_radius(mask) if radius is None else radius
    thin = max(_THINNEST, settings.slender * radius)
    nuclear = nuclei.labels > 0
    opened = mask & (widened(narrowed(mask, thin), thin) | nuclear)
    holes, count = ndimage.label(~opened)
    gaps = Runs.of(holes)
    small = gaps.areas(count) < math.pi * (settings.small * radius) ** 2
    small[0] = False
    if small.any():
        opened |= gaps.looked_up(small)
    labels, count = ndimage.label(opened)
    parts = Runs.of(labels)
    thick = _holding_a_disc(labels, count, mask, settings.small * radius) & ~colourless(parts, count, above)
    kept = thick | parts.holding(nuclear, count)
    number = (np.cumsum(kept) * kept).astype(np.int32)
    cells = parts.looked_up(number)
    return cells, opened & (cells == 0), radius


def _holding_a_disc(parts: NDArray[np.int32], count: int, mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Which parts hold a disc that lies in the mask, seen on every so many pixels where it is large; (count + 1,)."""
    step = max(1, min(_STEPS[0], int(radius / _FINE)))
    inside = narrowed(np.ascontiguousarray(mask[::step, ::step]), radius / step)
    held = np.zeros(count + 1, dtype=bool)
    held[parts[::step, ::step][inside]] = True
    held[0] = False
    return held


def typical_radius(mask: NDArray[np.bool_]) -> float:
    """The largest distance to the border in a part of the mask; the median over parts, each counted by its area."""
    found = 0.0
    for step in _STEPS:
        seen = mask[::step, ::step]
        parts, count = ndimage.label(seen)
        if not count:
            continue
        on = parts[seen]
        radius = np.asarray(ndimage.maximum(ndimage.distance_transform_edt(seen)[seen], on, np.arange(1, count + 1)))
        order = np.argsort(radius)
        total = np.cumsum(np.bincount(on)[1:][order])
        found = step * float(radius[order][np.searchsorted(total, 0.5 * total[-1])])
        if found >= _SURE * step:
            break
    return found
