"""Regions into their thick pieces: a shape tells how many cells touch where no nucleus does."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from foreknow.simulate.blur import gaussian_blur

_TYPICAL = 0.7  # share of all thickness of tops that is in tops as thick as a typical piece or less: specks are many but thin
_SMOOTH, _APART = 0.12, 0.7  # of the typical thickness: what smooths the distance to the border, and how far its tops are apart
_THIN, _HOLE = 0.35, 0.8  # likewise: what is thinner is no piece, and the radius of a disc of which a smaller hole does not count


def thickness(region: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance to what is outside, (height, width); the border of the field counts as such."""
    return ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1].astype(np.float32)


@dataclass(frozen=True)
class Pieces:
    """The thick pieces of a region.

    Attributes:
        labels: (height, width) int32 from 1, 0 outside.
        middles: (height, width), the thickest pixel of each.
        thick: (height, width) float32, distance to what is outside of the region.
    """

    labels: NDArray[np.int32] = field(repr=False)
    middles: NDArray[np.bool_] = field(repr=False)
    thick: NDArray[np.float32] = field(repr=False)


def typical_thickness(region: NDArray[np.bool_]) -> float:
    """How thick a region (height, width) is at its tops, pixels, where many touch closer to a cell's radius than a part's is."""
    return _typical(thickness(region))


def _typical(thick: NDArray[np.float32]) -> float:
    tops = np.sort(thick[(thick > 1) & (ndimage.maximum_filter(thick, size=5) == thick)])
    if not len(tops):
        return 0.0
    total = np.cumsum(tops)
    return float(tops[np.searchsorted(total, _TYPICAL * total[-1])])


def thick_pieces(region: NDArray[np.bool_], typical: float, careful: NDArray[np.bool_], neck: float) -> Pieces:
    """A region in pieces.

    Tops of the smoothed distance to the border are the middles of pieces (watershed; Vincent and Soille 1991), apart by as much as
    follows from how thick the region typically is. Cells with pale middles are rings, so small holes do not count.

    Args:
        region: (height, width).
        typical: `typical_thickness`, of this or more; 0 for this one's.
        careful: (height, width), where two pieces are one unless a neck parts them, which is
        neck: thinner than this part of the thinner one.
    """
    thick = thickness(region)
    typical = typical or _typical(thick)
    if typical == 0:
        return Pieces(ndimage.label(region)[0].astype(np.int32), region, thick)
    filled = _without_small_holes(region, math.pi * (_HOLE * typical) ** 2)
    smooth = gaussian_blur(torch.as_tensor(thick if filled is region else thickness(filled)), _SMOOTH * typical).numpy()
    apart = 2 * round(max(1.0, _APART * typical)) + 1
    seeds, count = ndimage.label((ndimage.maximum_filter(smooth, size=apart) == smooth) & filled & (smooth > _THIN * typical))
    basins = watershed(-smooth, seeds, mask=filled).astype(np.int32)
    peaks = np.zeros(count + 1)
    on = seeds > 0
    peaks[seeds[on]] = smooth[on]
    piece = _joined(_necks(np.where(careful, basins, 0), smooth), peaks, neck)
    found = np.where(region, piece[basins], 0).astype(np.int32)
    return Pieces(found, (smooth == peaks[found]) & (found > 0), thick)


def _without_small_holes(region: NDArray[np.bool_], area: float) -> NDArray[np.bool_]:
    holes, count = ndimage.label(~region)
    small = np.bincount(holes.ravel(), minlength=count + 1) < area
    small[0] = False
    return region | small[holes] if small.any() else region


def _joined(necks: list[tuple[int, int, float]], peaks: NDArray[np.float64], neck: float) -> NDArray[np.intp]:
    """The piece of each basin, named by its thickest: from the widest neck to the narrowest, those are joined that none parts."""
    piece = np.arange(len(peaks))

    def of(basin: int) -> int:
        while piece[basin] != basin:
            basin = int(piece[basin])
        return basin

    for first, second, width in necks:
        low, high = sorted((of(first), of(second)), key=lambda one: peaks[one])
        if low != high and width > neck * peaks[low]:
            piece[low] = high
    return np.array([of(basin) for basin in range(len(piece))])


def _necks(basins: NDArray[np.int32], thick: NDArray[np.float32]) -> list[tuple[int, int, float]]:
    """Neighbouring basins and the thickness of the neck between them, from the widest to the narrowest."""
    pairs, widths = [], []
    for one, other in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        a, b = basins[one], basins[other]
        met = (a != b) & (a > 0) & (b > 0)
        pairs.append(np.stack((np.minimum(a[met], b[met]), np.maximum(a[met], b[met])), axis=1))
        widths.append(np.minimum(thick[one][met], thick[other][met]))
    which, place = np.unique(np.concatenate(pairs), axis=0, return_inverse=True)
    widest = np.zeros(len(which))
    np.maximum.at(widest, place.ravel(), np.concatenate(widths))
    return [(int(which[k, 0]), int(which[k, 1]), float(widest[k])) for k in np.argsort(-widest, kind="stable")]
