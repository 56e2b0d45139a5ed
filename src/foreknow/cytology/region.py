"""Where cells are: a threshold that the noise of the background sets, and what is too thin or too small to be a cell."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from foreknow.cytology.background import lower_noise
from foreknow.cytology.nuclei import Nuclei
from foreknow.cytology.settings import DetectSettings

LEAST_NOISE = 1e-3  # optical density
_THINNEST = 1.5  # pixels


def density_noise(smooth: Tensor) -> Tensor:
    """Noise of each channel of a smoothed density above the background, (channels,), by what is below 0."""
    return lower_noise(smooth.flatten(1)).clamp_min(LEAST_NOISE)


def score_of(smooth: Tensor, noise: Tensor) -> Tensor:
    """How far above the background, in standard deviations of its noise: root mean square over channels; (height, width)."""
    return (smooth.clamp_min(0) / noise[:, None, None]).square().mean(dim=0).sqrt()


def cell_region(
    score: Tensor, nuclei: Nuclei, settings: DetectSettings, radius: float | None = None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], float]:
    """Pixels of cells, pixels of debris, and the inscribed radius of a typical cell in pixels.

    A threshold with hysteresis (Canny 1986); an opening takes scratches away; small holes are filled. What is nowhere thick is
    debris, unless it has a nucleus.

    Args:
        score: (height, width), see `score_of`.
        nuclei: of the field.
        settings: the levels.
        radius: of a typical cell, if it is known better than from this field.
    """
    values = score.numpy()
    mask = _with_peak(values > settings.level, values, settings.peak)
    thick = ndimage.distance_transform_edt(mask)
    radius = typical_radius(mask, thick) if radius is None else radius
    thin = max(_THINNEST, settings.slender * radius)
    opened = mask & ((ndimage.distance_transform_edt(thick <= thin) <= thin) | (nuclei.labels > 0))
    holes, _ = ndimage.label(~opened)
    sizes = np.bincount(holes.ravel())
    small = sizes < math.pi * (settings.small * radius) ** 2
    small[0] = False
    opened |= small[holes]
    parts, count = ndimage.label(opened)
    kept = np.zeros(count + 1, dtype=bool)
    kept[np.unique(parts[thick > settings.small * radius])] = True
    kept[np.unique(parts[nuclei.labels > 0])] = True
    kept[0] = False
    cells = kept[parts]
    return cells, opened & ~cells, radius


def typical_radius(mask: NDArray[np.bool_], thick: NDArray[np.float64]) -> float:
    """The largest distance to the border in a part of the mask; the median over parts, each counted by its area."""
    parts, count = ndimage.label(mask)
    if not count:
        return 0.0
    index = np.arange(1, count + 1)
    radius = np.asarray(ndimage.maximum(thick[mask], parts[mask], index))
    area = np.bincount(parts[mask])[1:]
    order = np.argsort(radius)
    total = np.cumsum(area[order])
    return float(radius[order][np.searchsorted(total, 0.5 * total[-1])])


def _with_peak(mask: NDArray[np.bool_], values: NDArray[np.float32], peak: float) -> NDArray[np.bool_]:
    parts, count = ndimage.label(mask)
    kept = np.zeros(count + 1, dtype=bool)
    kept[np.unique(parts[values > peak])] = True
    kept[0] = False
    return kept[parts]
