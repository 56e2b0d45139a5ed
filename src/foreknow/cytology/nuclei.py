"""Nuclei: compact, round, darker in all dyes' colours than what is around them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from torch import Tensor

from foreknow.cytology.settings import DetectSettings
from foreknow.simulate.blur import gaussian_blur

_SCALES = (2.0, 2.8, 4.0, 5.6, 8.0)  # standard deviations, pixels; a disc of radius r answers most at r / sqrt(2)
_CLEAR = (0.9, 0.35)  # the clear ones: this part of a high quantile of the contrasts, and
_CLEAR_ROUNDNESS = 0.55  # so round; their medians, counted by area, say how large and how dark a nucleus of the field is
_LIKE_CLEAR = (0.3, 3.0)  # of their area
_LEAST_AREA, _LARGEST_AREA = 0.35, 2.2  # of the disc of its scale
_LEAST_ROUNDNESS = 0.3  # area over that of the disc which reaches as far as it does
_COLOUR = 0.1  # standard deviation of density over channels, as a part of the mean; hematoxylin has 0.25
_SURROUNDED = 0.8  # a nucleus is darker than this part of the ring around it
_OWN = 0.9  # of its radius: within which a blob bears no other
_NOISE = 5.0  # standard deviations that its contrast has at least


@dataclass(frozen=True)
class Nuclei:
    """Nuclei of a field.

    Attributes:
        labels: (height, width) int32, 0 where there is none.
        centres: (n, 2) float64 x, y in pixels.
        areas: (n,) pixels.
        contrast: (n,) optical density beyond what is around.
    """

    labels: NDArray[np.int32] = field(repr=False)
    centres: NDArray[np.float64] = field(repr=False)
    areas: NDArray[np.float64] = field(repr=False)
    contrast: NDArray[np.float64] = field(repr=False)

    def __len__(self) -> int:
        return len(self.areas)


def nuclear_density(cells: Tensor) -> Tensor:
    """What hematoxylin makes dark and other dyes do not: the smaller density in red and green; (height, width).

    Args:
        cells: (channels, height, width) optical density above the background.
    """
    return cells[:2].amin(dim=0) if len(cells) == 3 else cells[0]


@dataclass(frozen=True, slots=True)
class NucleusLook:
    """What nuclei of a slide look like.

    Attributes:
        area: pixels.
        contrast: optical density.
    """

    area: float
    contrast: float


def find_nuclei(cells: Tensor, noise: float, settings: DetectSettings | None = None, look: NucleusLook | None = None) -> Nuclei:
    """Blobs in scale space (Lindeberg 1998), cut at half their height; kept if they are round and stand out as the clearest do.

    Args:
        cells: (channels, height, width) float32 optical density above the background.
        noise: of it, once smoothed.
        settings: the contrasts.
        look: of the nuclei of the slide, if that is known better than from this field.
    """
    settings = settings or DetectSettings()
    density = gaussian_blur(nuclear_density(cells), settings.smoothing)
    answer, radius = _blobs(density)
    image = density.numpy()
    least = max(settings.least_contrast, _NOISE * noise)
    peaks = _apart(_peaks(answer, 0.25 * least), answer, radius)
    if not len(peaks):
        return _nothing(image.shape)
    seeds = np.zeros(image.shape, dtype=np.int32)
    seeds[peaks[:, 0], peaks[:, 1]] = np.arange(1, len(peaks) + 1)
    distance, nearest = ndimage.distance_transform_edt(seeds == 0, return_indices=True)
    owner = seeds[nearest[0], nearest[1]]
    relative = distance / np.concatenate(([1.0], radius[peaks[:, 0], peaks[:, 1]]))[owner]
    index = np.arange(1, len(peaks) + 1)
    inner = _means(image, np.where(relative <= 0.5, owner, 0), index)
    outer = _ring_quantiles(image, np.where((relative >= 1.4) & (relative <= 2.1), owner, 0), len(peaks))
    contrast = inner - outer
    half = np.concatenate(([np.inf], (inner + outer) / 2))
    body = np.where((image > half[owner]) & (relative <= 1.6), owner, 0)
    on = body > 0
    area = np.bincount(body[on], minlength=len(peaks) + 1)[1:].astype(np.float64)
    reach = np.asarray(ndimage.maximum(distance[on], body[on], index)) + 0.5
    own_radius = radius[peaks[:, 0], peaks[:, 1]]
    roundness = area / (math.pi * np.maximum(reach, 1.0) ** 2)
    sized = (area >= _LEAST_AREA * math.pi * own_radius**2) & (area <= _LARGEST_AREA * math.pi * own_radius**2)
    fine = sized & (contrast >= least) & (roundness >= _LEAST_ROUNDNESS)
    if len(cells) == 3:
        fine &= _tinted(cells, owner, relative, len(peaks))
    look = look or look_of(contrast, area, fine & (roundness >= _CLEAR_ROUNDNESS))
    if look is not None:
        fine &= (area >= _LIKE_CLEAR[0] * look.area) & (area <= _LIKE_CLEAR[1] * look.area)
        fine &= contrast >= settings.nucleus_contrast * look.contrast
    if not fine.any():
        return _nothing(image.shape)
    number = np.zeros(len(peaks) + 1, dtype=np.int32)
    number[1:][fine] = np.arange(1, int(fine.sum()) + 1)
    labels = number[body]
    kept = np.arange(1, int(fine.sum()) + 1)
    rows, columns = np.nonzero(labels)
    own = labels[rows, columns]
    centres = np.stack([np.bincount(own, weights=place)[kept] / np.bincount(own)[kept] for place in (columns, rows)], axis=1)
    return Nuclei(labels, centres, area[fine], contrast[fine])


def look_of(contrast: NDArray[np.float64], area: NDArray[np.float64], clear: NDArray[np.bool_]) -> NucleusLook | None:
    """Area and contrast of the clearest nuclei, medians counted by area, since specks are many but small; None without any.

    Args:
        contrast: of each nucleus.
        area: likewise.
        clear: which of them may be looked at.
    """
    if not clear.any():
        return None
    dark = clear & (contrast >= _CLEAR[1] * np.quantile(contrast[clear], _CLEAR[0]))
    usual = _weighted_median(area[dark], area[dark])
    alike = dark & (area >= _LIKE_CLEAR[0] * usual) & (area <= _LIKE_CLEAR[1] * usual)
    return NucleusLook(usual, _weighted_median(contrast[alike], area[alike]))


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])


def _blobs(density: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The largest normalised answer over scales, differences of Gaussians for the Laplacian, and the radius it belongs to."""
    ratio = 1.4
    best = torch.zeros_like(density)
    radius = torch.ones_like(density)
    narrow = gaussian_blur(density, _SCALES[0] / math.sqrt(ratio))
    for scale in _SCALES:
        wide = gaussian_blur(density, scale * math.sqrt(ratio))
        answer = (narrow - wide) / (ratio - 1) * 1.2
        radius = torch.where(answer > best, scale * math.sqrt(2), radius)
        best = torch.maximum(best, answer)
        narrow = wide
    return best.numpy(), radius.numpy()


def _peaks(answer: NDArray[np.float32], least: float) -> NDArray[np.intp]:
    top = ndimage.maximum_filter(answer, size=5)
    return np.argwhere((answer == top) & (answer > least))


def _apart(peaks: NDArray[np.intp], answer: NDArray[np.float32], radius: NDArray[np.float32]) -> NDArray[np.intp]:
    """Peaks of which none lies within another blob of more weight (answer times radius): one for a nucleus, not its chromatin."""
    if len(peaks) < 2:
        return peaks
    reach = _OWN * radius[peaks[:, 0], peaks[:, 1]]
    weight = answer[peaks[:, 0], peaks[:, 1]] * reach
    order = np.argsort(-weight)
    peaks, reach = peaks[order], reach[order]
    pairs = cKDTree(peaks).query_pairs(float(reach.max()), output_type="ndarray")
    near = np.linalg.norm(peaks[pairs[:, 0]] - peaks[pairs[:, 1]], axis=1) < np.maximum(reach[pairs[:, 0]], reach[pairs[:, 1]])
    stronger, weaker = pairs[near].min(axis=1), pairs[near].max(axis=1)
    kept = np.ones(len(peaks), dtype=bool)
    for first, second in zip(*(side[np.argsort(stronger)] for side in (stronger, weaker)), strict=True):
        if kept[first]:
            kept[second] = False
    return peaks[kept]


def _means(image: NDArray[np.float32], labels: NDArray[np.int32], index: NDArray[np.intp]) -> NDArray[np.float64]:
    """Means by label; where a label is nowhere, the mean of all."""
    sums = np.bincount(labels.ravel(), weights=image.ravel(), minlength=len(index) + 1)[1:]
    counts = np.bincount(labels.ravel(), minlength=len(index) + 1)[1:]
    return np.where(counts > 0, sums / np.maximum(counts, 1), float(image.mean()))


def _tinted(cells: Tensor, owner: NDArray[np.int32], relative: NDArray[np.float64], count: int) -> NDArray[np.bool_]:
    """Whether what a blob adds to its ring has a colour: a dye has one, dust has none."""
    index = np.arange(1, count + 1)
    inside, around = np.where(relative <= 0.7, owner, 0), np.where((relative >= 1.4) & (relative <= 2.1), owner, 0)
    added = np.stack([_means(plane.numpy(), inside, index) - _means(plane.numpy(), around, index) for plane in cells])
    mean = added.mean(axis=0)
    return np.asarray((mean <= 0) | (added.std(axis=0) >= _COLOUR * np.abs(mean)))


def _ring_quantiles(image: NDArray[np.float32], labels: NDArray[np.int32], count: int) -> NDArray[np.float64]:
    """The value by label that most of the pixels are below; the largest of all where a label is nowhere."""
    on = labels > 0
    own, values = labels[on], image[on]
    order = np.lexsort((values, own))
    sizes = np.bincount(own, minlength=count + 1)[1:]
    place = np.cumsum(sizes) - sizes + np.floor(_SURROUNDED * np.maximum(sizes - 1, 0)).astype(int)
    ordered = np.append(values[order], image.max())
    return np.where(sizes > 0, ordered[np.minimum(place, len(ordered) - 1)], float(image.max())).astype(np.float64)


def _nothing(shape: tuple[int, ...]) -> Nuclei:
    return Nuclei(np.zeros(shape, dtype=np.int32), np.zeros((0, 2)), np.zeros(0), np.zeros(0))
