"""Clumps into cells: one for each nucleus, and by shape where no nucleus is seen."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from foreknow.cytology.nuclei import Nuclei
from foreknow.simulate.blur import gaussian_blur

_SMOOTH, _APART = 0.12, 0.7  # of the typical radius: what smooths the distance to the border, and how far its tops are apart
_RADIUS, _COARSEST = 12, 4  # pixels of a typical cell's radius at which shapes are looked at; at most so many times coarser


def split_cells(parts: NDArray[np.int32], nuclei: Nuclei, radius: float) -> NDArray[np.int32]:
    """Labels of cells, (height, width) int32.

    Every pixel of a clump goes to the nucleus that is nearest along paths which prefer the middle of the clump to its necks
    (watershed of the distance to the border and to the nuclei; Vincent and Soille 1991). Parts without a nucleus are split where
    they have a neck. Where cells are large this is done on every second to fourth pixel; the region keeps all of them.

    Args:
        parts: (height, width) labels of connected parts with cells, from 1 without gaps (`cell_region`).
        nuclei: of the field.
        radius: of a typical cell, pixels (`cell_region`).
    """
    count = int(parts.max(initial=0))
    step = max(1, min(_COARSEST, int(radius / _RADIUS)))
    labels, last = np.zeros(parts.shape, dtype=np.int32), 0
    known = _nuclei_in(parts, nuclei, count)
    for part, place in enumerate(ndimage.find_objects(parts), start=1):
        if place is None:
            continue
        rows, columns = (slice(one.start // step * step, one.stop) for one in place)
        inside = parts[rows, columns] == part
        pieces = _pieces(inside, known.get(part, _NONE), nuclei.labels[rows, columns], radius, step)
        count = 1 if pieces is None else int(pieces.max())
        np.copyto(labels[rows, columns], last + (1 if pieces is None else pieces), where=inside)
        last += count
    return labels


_NONE = np.zeros(0, dtype=np.int32)


def _nuclei_in(parts: NDArray[np.int32], nuclei: Nuclei, count: int) -> dict[int, NDArray[np.int32]]:
    """Numbers of the nuclei that reach into each part."""
    on = np.flatnonzero(nuclei.labels.ravel())
    pairs = np.unique(parts.ravel()[on].astype(np.int64) * (len(nuclei) + 1) + nuclei.labels.ravel()[on])
    part, nucleus = np.divmod(pairs, len(nuclei) + 1)
    first = np.searchsorted(part, np.arange(1, count + 2))
    return {
        number: nucleus[first[number - 1] : first[number]].astype(np.int32)
        for number in range(1, count + 1)
        if first[number] > first[number - 1]
    }


def _pieces(
    inside: NDArray[np.bool_], known: NDArray[np.int32], nuclei: NDArray[np.int32], radius: float, step: int
) -> NDArray[np.int32] | None:
    """Labels from 1 of the cells of one part in its box, whose corner is a pixel that is looked at; None if it is one cell."""
    apart = 2 * round(max(1.0, _APART * radius / step)) + 1
    if len(known) == 1 or (not len(known) and max(inside.shape) <= apart * step):
        return None
    seen = np.pad(inside[::step, ::step], 1)
    if len(known):
        number = np.zeros(int(known.max()) + 1, dtype=np.int32)
        number[known] = np.arange(1, len(known) + 1)
        own = np.where(inside & (nuclei < len(number)), nuclei, 0)
        markers = _seen_labels(number[own], step)
    else:
        markers = _tops(seen, radius / step, apart)
    if markers.max() < 2:
        return None
    found = _watershed(seen, np.where(seen, markers, 0))[1:-1, 1:-1]
    full = _at_every_pixel(found, step, inside)
    used = np.bincount(full[inside], minlength=int(full.max()) + 1) > 0
    return np.cumsum(used).astype(np.int32)[full] if used.sum() > 1 else None


def _seen_labels(labels: NDArray[np.int32], step: int) -> NDArray[np.int32]:
    """Labels on every so many pixels, none lost, with a pixel of nothing around."""
    seen = np.pad(labels[::step, ::step], 1)
    found = np.bincount(labels.ravel()) > 0
    found[seen.ravel()] = False
    for number in np.flatnonzero(found):
        rows, columns = np.nonzero(labels == number)
        middle = len(rows) // 2
        seen[rows[middle] // step + 1, columns[middle] // step + 1] = number
    return seen


def _tops(inside: NDArray[np.bool_], radius: float, apart: int) -> NDArray[np.int32]:
    """Tops of the smoothed distance to the border, numbered."""
    thick = ndimage.distance_transform_edt(inside).astype(np.float32)
    smooth = gaussian_blur(torch.as_tensor(thick), _SMOOTH * radius).numpy()
    tops, _ = ndimage.label((ndimage.maximum_filter(smooth, size=apart) == smooth) & inside)
    return np.asarray(tops, dtype=np.int32)


def _watershed(region: NDArray[np.bool_], markers: NDArray[np.int32]) -> NDArray[np.int32]:
    distance = ndimage.distance_transform_edt(markers == 0).astype(np.float32)
    thick = ndimage.distance_transform_edt(region).astype(np.float32)
    labels: NDArray[np.int32] = watershed(distance - thick, markers, mask=region)
    return labels.astype(np.int32)


def _at_every_pixel(labels: NDArray[np.int32], step: int, inside: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Labels of every so many pixels at all of them: of the four around that have one, the nearest ones."""
    if step == 1:
        return labels
    height, width = inside.shape
    below = np.concatenate((labels[1:], labels[-1:]))
    mixed = (labels != below) | (labels == 0)
    for line in (labels, below):
        mixed[:, :-1] |= line[:, 1:] != labels[:, :-1]
    full, doubtful = (np.repeat(np.repeat(one, step, axis=1), step, axis=0)[:height, :width] for one in (labels, mixed))
    rows, columns = np.nonzero(doubtful & inside)
    top, left = rows // step, columns // step
    bottom, right = np.minimum(top + 1, labels.shape[0] - 1), np.minimum(left + 1, labels.shape[1] - 1)
    around = np.stack([labels[top, left], labels[top, right], labels[bottom, left], labels[bottom, right]])
    down, across = ((place % step).astype(np.float32) / step for place in (rows, columns))
    weights = np.stack([(1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across])
    total = np.stack([(weights * (around == one)).sum(axis=0) for one in around])
    total[around == 0] = 0
    full[rows, columns] = np.take_along_axis(around, total.argmax(axis=0)[None], axis=0)[0]
    _grow(full, inside)
    return full


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
