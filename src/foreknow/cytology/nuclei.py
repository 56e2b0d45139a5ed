"""Nuclei: compact, round, darker in all dyes' colours than what is around them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from foreknow.cytology.blobs import Blobs, find_blobs
from foreknow.cytology.settings import DetectSettings

_CLEAR = (0.9, 0.35)  # the clear ones: this part of a high quantile of the contrasts, and
_CLEAR_ROUNDNESS = 0.55  # so round; their medians, counted by area, say how large and how dark a nucleus of the field is
_LIKE_CLEAR = (0.3, 3.0)  # of their area
_LEAST_AREA, _LARGEST_AREA = 0.35, 2.2  # of the disc of its scale
_LEAST_ROUNDNESS = 0.3  # area over that of the disc which reaches as far as it does
_COLOUR = 0.1  # standard deviation of density over channels, as a part of the mean; hematoxylin has 0.25
_SURROUNDED = 0.8  # a nucleus is darker than this part of the ring around it
_INSIDE, _RING = 0.5, (1.4, 2.1)  # radii: what is surely of a nucleus, and what is around it
_POINTS, _DARKER = 16, 0.5  # around a blob at which it is looked first; more of them that are dark tell that it is no nucleus
_DARK = 0.8  # of the least contrast: no nucleus is where nothing is so dark
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


def find_nuclei(
    cells: Tensor,
    smooth: Tensor,
    noise: float,
    settings: DetectSettings | None = None,
    look: NucleusLook | None = None,
    where: NDArray[np.bool_] | None = None,
) -> Nuclei:
    """Blobs in scale space (Lindeberg 1998), cut at half their height; kept if they are round and stand out as the clearest do.

    Args:
        cells: (channels, height, width) float32 optical density above the background.
        smooth: likewise, smoothed.
        noise: of that.
        settings: the contrasts.
        look: of the nuclei of the slide, if that is known better than from this field.
        where: (height, width), near which they are sought; everywhere if None.
    """
    settings = settings or DetectSettings()
    least = max(settings.least_contrast, _NOISE * noise)
    density = nuclear_density(smooth)
    image = density.numpy()
    dark = image > _DARK * least
    blobs = find_blobs(density, 0.25 * least, dark if where is None else dark & where)
    blobs = blobs.of_those(_worth_a_look(blobs, image, least))
    if not len(blobs):
        return _nothing(image.shape)
    near, count = _Surroundings.of(blobs, image.shape), len(blobs)
    values = image.ravel()[near.place]
    inside = near.relative <= _INSIDE
    inner = _means(values[inside], near.owner[inside], count)
    out = _standing_out(near, values, inner - least)
    near, values = near.of_those(out), values[out[near.owner]]
    owner, relative = near.owner, near.relative
    outer = _ring_quantiles(values[near.around], owner[near.around], count, float(image.max()))
    contrast = inner - outer
    body = (values > ((inner + outer) / 2)[owner]) & (relative <= 1.6)
    area = np.bincount(owner[body], minlength=count).astype(np.float64)
    reach = np.zeros(count)
    np.maximum.at(reach, owner[body], relative[body])
    reach = reach * blobs.radius + 0.5
    roundness = area / (math.pi * np.maximum(reach, 1.0) ** 2)
    disc = math.pi * blobs.radius.astype(np.float64) ** 2
    sized = (area >= _LEAST_AREA * disc) & (area <= _LARGEST_AREA * disc)
    fine = sized & (contrast >= least) & (roundness >= _LEAST_ROUNDNESS)
    if len(cells) == 3:
        fine &= _tinted(cells, near, count)
    look = look or look_of(contrast, area, fine & (roundness >= _CLEAR_ROUNDNESS))
    if look is not None:
        fine &= (area >= _LIKE_CLEAR[0] * look.area) & (area <= _LIKE_CLEAR[1] * look.area)
        fine &= contrast >= settings.nucleus_contrast * look.contrast
    if not fine.any():
        return _nothing(image.shape)
    number = np.zeros(count, dtype=np.int32)
    number[fine] = np.arange(1, int(fine.sum()) + 1)
    body &= fine[owner]
    place, own = near.place[body], number[owner[body]]
    labels = np.zeros(image.shape, dtype=np.int32)
    labels.ravel()[place] = own
    rows, columns = np.divmod(place, image.shape[1])
    sizes = np.bincount(own)[1:]
    centres = np.stack([np.bincount(own, weights=at)[1:] / sizes for at in (columns, rows)], axis=1)
    return Nuclei(labels, centres, area[fine], contrast[fine])


@dataclass(frozen=True)
class _Surroundings:
    """Pixels near blobs, each once, with the blob that is nearest.

    Attributes:
        place: (n,) in the flattened field.
        owner: (n,) number of the blob, from 0.
        relative: (n,) distance in radii of the blob.
    """

    place: NDArray[np.intp]
    owner: NDArray[np.int32]
    relative: NDArray[np.float32]

    @property
    def around(self) -> NDArray[np.bool_]:
        """Which lie in the ring around their blob."""
        return (self.relative >= _RING[0]) & (self.relative <= _RING[1])

    def of_those(self, blobs: NDArray[np.bool_]) -> _Surroundings:
        """What belongs to some of the blobs."""
        kept = blobs[self.owner]
        return _Surroundings(self.place[kept], self.owner[kept], self.relative[kept])

    @classmethod
    def of(cls, blobs: Blobs, shape: tuple[int, ...]) -> _Surroundings:
        height, width = shape
        places, squares, owners = [], [], []
        for radius in np.unique(blobs.radius):
            reach = int(_RING[1] * radius)
            down, right = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1)
            square = down * down + right * right
            inside = square <= (_RING[1] * radius) ** 2
            which = np.flatnonzero(blobs.radius == radius)
            rows = blobs.rows[which, None] + down[inside]
            columns = blobs.columns[which, None] + right[inside]
            kept = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
            places.append((rows * width + columns)[kept])
            squares.append(np.broadcast_to(square[inside].astype(np.uint16), kept.shape)[kept])
            owners.append(np.broadcast_to(which[:, None].astype(np.int32), kept.shape)[kept])
        place, square, owner = (np.concatenate(parts) for parts in (places, squares, owners))
        order = np.argsort(square, kind="stable")[::-1]  # of pixels that several blobs reach the nearest is written last
        nearest = np.zeros(height * width, dtype=np.int32)
        nearest[place[order]] = owner[order]
        own = nearest[place] == owner
        place, square, owner = place[own], square[own], owner[own]
        return cls(place, owner, np.sqrt(square.astype(np.float32)) / blobs.radius[owner])


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


def _means(values: NDArray[np.float32], owner: NDArray[np.int32], count: int) -> NDArray[np.float64]:
    """Means by blob; the mean of all where a blob has no pixel."""
    sums, counts = np.bincount(owner, weights=values, minlength=count), np.bincount(owner, minlength=count)
    return np.where(counts > 0, sums / np.maximum(counts, 1), sums.sum() / max(1, counts.sum()))


def _tinted(cells: Tensor, near: _Surroundings, count: int) -> NDArray[np.bool_]:
    """Whether what a blob adds to its ring has a colour: a dye has one, dust has none."""
    inside, around = near.relative <= 0.7, near.around
    added = []
    for plane in cells:
        values = plane.numpy().ravel()
        middle, ring = (_means(values[near.place[part]], near.owner[part], count) for part in (inside, around))
        added.append(middle - ring)
    mean = np.mean(added, axis=0)
    return np.asarray((mean <= 0) | (np.std(added, axis=0) >= _COLOUR * np.abs(mean)))


def _worth_a_look(blobs: Blobs, image: NDArray[np.float32], least: float) -> NDArray[np.bool_]:
    """Of which blobs no more than half of a few points around are darker than what is below the contrast that they need."""
    worth = np.zeros(len(blobs), dtype=bool)
    angle = np.arange(_POINTS) * (2 * math.pi / _POINTS)
    for radius in np.unique(blobs.radius):
        which = np.flatnonzero(blobs.radius == radius)
        reach = radius * np.concatenate((np.zeros(1), np.full(_POINTS, _INSIDE), np.linspace(*_RING, 4)[np.arange(_POINTS) % 4]))
        turn = np.concatenate((np.zeros(1), angle, angle))
        rows, columns = (
            np.clip(centres[which, None] + np.round(reach * along).astype(np.intp), 0, size - 1)
            for centres, along, size in ((blobs.rows, np.sin(turn), image.shape[0]), (blobs.columns, np.cos(turn), image.shape[1]))
        )
        values = image[rows, columns]
        level = values[:, : _POINTS + 1].mean(axis=1) - least
        worth[which] = (values[:, _POINTS + 1 :] > level[:, None]).mean(axis=1) <= _DARKER
    return worth


def _standing_out(near: _Surroundings, values: NDArray[np.float32], level: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Of which blobs hardly more of the ring than may be darker than it is above a level: others need no closer look."""
    owner = near.owner[near.around]
    above = values[near.around] > level[owner]
    sizes = np.bincount(owner, minlength=len(level))
    return np.bincount(owner[above], minlength=len(level)) <= (1 - _SURROUNDED) * sizes + 1


def _ring_quantiles(values: NDArray[np.float32], owner: NDArray[np.int32], count: int, most: float) -> NDArray[np.float64]:
    """The value by blob that most of the pixels are below; ``most`` where a blob has none."""
    if not len(values):
        return np.full(count, most)
    low, span = float(values.min()), 2 * (most - float(values.min())) + 1e-6
    ordered = np.sort(owner * span + (values.astype(np.float64) - low))  # by blob, and by value in each
    sizes = np.bincount(owner, minlength=count)
    place = np.cumsum(sizes) - sizes + np.floor(_SURROUNDED * np.maximum(sizes - 1, 0)).astype(int)
    found = ordered[np.minimum(place, len(ordered) - 1)] - np.arange(count) * span + low
    return np.where(sizes > 0, found, most)


def _nothing(shape: tuple[int, ...]) -> Nuclei:
    return Nuclei(np.zeros(shape, dtype=np.int32), np.zeros((0, 2)), np.zeros(0), np.zeros(0))
