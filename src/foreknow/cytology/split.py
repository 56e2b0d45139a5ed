"""Clumps into cells: one for each nucleus, and by necks where no nucleus is seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from foreknow.cytology.necks import thick_pieces, typical_thickness
from foreknow.cytology.nuclei import Nuclei

_RADIUS, _COARSEST = 12, 4  # pixels of a typical cell's radius at which shapes are looked at; at most so many times coarser
_NECK = 0.9  # thickness of what parts a cell without a nucleus from those that have one, as a part of the thinner one's


def split_cells(parts: NDArray[np.int32], nuclei: Nuclei, radius: float, typical: float = 0.0) -> NDArray[np.int32]:
    """Labels of cells, (height, width) int32.

    Every pixel of a clump goes to the nucleus that is nearest along paths which prefer the middle of the clump to its necks
    (watershed of the distance to the border and to the nuclei; Vincent and Soille 1991). What a neck parts from all nuclei is a
    cell of its own (`thick_pieces`). Where cells are large this is done on every second to fourth pixel; the region keeps all of
    them.

    Args:
        parts: (height, width) labels of connected parts with cells, from 1 without gaps (`cell_region`).
        nuclei: of the field.
        radius: of a typical cell, pixels (`cell_region`).
        typical: thickness of the slide that the field is of (`thickness_of_parts`); its own if 0.
    """
    count = int(parts.max(initial=0))
    if not count:
        return np.zeros(parts.shape, dtype=np.int32)
    step = _step(radius)
    seen = _apart(parts[::step, ::step])
    markers = _seen_nuclei(nuclei, seen > 0, step)
    nuclear = np.zeros(count + 1, dtype=bool)
    nuclear[seen[markers > 0]] = True
    nuclear_region = nuclear[seen]
    found = thick_pieces(seen > 0, typical / step, nuclear_region, _NECK)
    own = np.ones(int(found.labels.max(initial=0)) + 1, dtype=bool)
    own[found.labels[markers > 0]] = own[0] = False
    markers = np.where(nuclear_region & found.middles & own[found.labels], len(nuclei) + found.labels, markers)
    pieces = np.where(nuclear_region, 0, found.labels)
    region = _with_several(seen, markers, count)[seen]
    if region.any():
        to_nucleus = ndimage.distance_transform_edt(markers == 0).astype(np.float32)
        cells = watershed(to_nucleus - found.thick, np.where(region, markers, 0), mask=region).astype(np.int32)
        pieces = np.where(cells > 0, int(pieces.max()) + cells, pieces)
    return _numbered(parts, seen, pieces, step)


def thickness_of_parts(parts: NDArray[np.int32], radius: float) -> float:
    """How thick parts typically are at their tops, pixels."""
    step = _step(radius)
    return step * typical_thickness(_apart(parts[::step, ::step]) > 0)


def _step(radius: float) -> int:
    """Of how many pixels one is looked at."""
    return max(1, min(_COARSEST, int(radius / _RADIUS)))


def _apart(seen: NDArray[np.int32]) -> NDArray[np.int32]:
    """Labels of every so many pixels, without those where two parts would touch."""
    out = seen.copy()
    out[1:][(seen[1:] != seen[:-1]) & (seen[:-1] > 0)] = 0
    out[:, 1:][(seen[:, 1:] != seen[:, :-1]) & (seen[:, :-1] > 0)] = 0
    return out


def _seen_nuclei(nuclei: Nuclei, inside: NDArray[np.bool_], step: int) -> NDArray[np.int32]:
    """Numbers of the nuclei on every so many pixels of the inside, those that lie between them at the nearest one."""
    markers = np.where(inside, nuclei.labels[::step, ::step], 0)
    lost = np.ones(len(nuclei) + 1, dtype=bool)
    lost[markers.ravel()] = lost[0] = False
    for number in np.flatnonzero(lost):
        x, y = nuclei.centres[number - 1]
        row, column = min(round(y / step), inside.shape[0] - 1), min(round(x / step), inside.shape[1] - 1)
        if inside[row, column] and not markers[row, column]:
            markers[row, column] = number
    return markers


def _with_several(seen: NDArray[np.int32], markers: NDArray[np.int32], count: int) -> NDArray[np.bool_]:
    """Which parts hold several markers, (count + 1,)."""
    on = (markers > 0) & (seen > 0)
    most = int(markers.max(initial=0)) + 1
    pairs = np.unique(seen[on].astype(np.int64) * most + markers[on])
    several = np.bincount(pairs // most, minlength=count + 1) > 1
    several[0] = False
    return several


def _numbered(parts: NDArray[np.int32], seen: NDArray[np.int32], pieces: NDArray[np.int32], step: int) -> NDArray[np.int32]:
    """Labels from 1 without gaps at every pixel, of parts in their order and their pieces in theirs."""
    count, most = int(parts.max()), int(pieces.max(initial=0)) + 1
    on = (seen > 0) & (pieces > 0)
    kinds, place = np.unique(seen[on].astype(np.int64) * most + pieces[on], return_inverse=True)
    of_kind = kinds // most
    sizes = np.bincount(of_kind, minlength=count + 1)
    labels_of = np.maximum(sizes, 1)
    labels_of[0] = 0
    first = 1 + np.cumsum(labels_of) - labels_of
    first[0] = 0
    before = np.cumsum(sizes) - sizes  # kinds before the first one of each part
    number = (first[of_kind] + np.arange(len(kinds)) - before[of_kind]).astype(np.int32)
    split = sizes > 1
    labels = np.where(split, 0, first).astype(np.int32)[parts]
    if split.any():
        coarse = np.zeros(seen.shape, dtype=np.int32)
        coarse[on] = np.where(split[seen[on]], number[place], 0)
        _fill_in(labels, coarse, seen, parts, step)
    return labels


def _fill_in(
    labels: NDArray[np.int32], coarse: NDArray[np.int32], seen: NDArray[np.int32], parts: NDArray[np.int32], step: int
) -> None:
    """Give pixels of parts that have no label one of those of every so many pixels: of the four around, the nearest ones."""
    open_ones = (labels == 0) & (parts > 0)
    if step == 1:
        np.copyto(labels, coarse, where=open_ones)
    else:
        height, width = parts.shape
        below = np.concatenate((coarse[1:], coarse[-1:]))
        mixed = (coarse != below) | (coarse == 0)
        for line in (coarse, below):
            mixed[:, :-1] |= line[:, 1:] != coarse[:, :-1]
        full, doubtful = (np.repeat(np.repeat(one, step, axis=1), step, axis=0)[:height, :width] for one in (coarse, mixed))
        np.copyto(labels, full, where=open_ones)
        rows, columns = np.nonzero(doubtful & open_ones)
        labels[rows, columns] = _nearest(coarse, seen, parts[rows, columns], rows, columns, step)
    _grow(labels, open_ones)


def _nearest(
    coarse: NDArray[np.int32],
    seen: NDArray[np.int32],
    part: NDArray[np.int32],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    step: int,
) -> NDArray[np.int32]:
    """Of pixels of known parts, the label of that part that weighs most around them, 0 if there is none."""
    top, left = rows // step, columns // step
    bottom, right = np.minimum(top + 1, coarse.shape[0] - 1), np.minimum(left + 1, coarse.shape[1] - 1)
    corners = ((top, left), (top, right), (bottom, left), (bottom, right))
    around = np.stack([np.where(seen[at] == part, coarse[at], 0) for at in corners])
    down, across = ((place % step).astype(np.float32) / step for place in (rows, columns))
    weights = np.stack([(1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across])
    total = np.stack([(weights * (around == one)).sum(axis=0) for one in around])
    total[around == 0] = 0
    return np.take_along_axis(around, total.argmax(axis=0)[None], axis=0)[0]


def _grow(values: NDArray[np.int32], shared: NDArray[np.bool_]) -> None:
    """What has no label takes that of a neighbour, until nothing changes."""
    rows, columns = np.nonzero(shared & (values == 0))
    own = np.where(shared, values, 0) if len(rows) else values
    while len(rows):
        above, below = np.maximum(rows - 1, 0), np.minimum(rows + 1, values.shape[0] - 1)
        before, after = np.maximum(columns - 1, 0), np.minimum(columns + 1, values.shape[1] - 1)
        near = np.max([own[above, columns], own[below, columns], own[rows, before], own[rows, after]], axis=0)
        own[rows, columns] = values[rows, columns] = near
        if not near.any():
            break
        rows, columns = rows[near == 0], columns[near == 0]
