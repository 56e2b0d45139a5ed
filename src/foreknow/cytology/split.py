"""Clumps into cells: one for each nucleus, and by shape where no nucleus is seen."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from foreknow.cytology.nuclei import Nuclei
from foreknow.cytology.runs import Runs
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
    if not count:
        return np.zeros(parts.shape, dtype=np.int32)
    step = max(1, min(_COARSEST, int(radius / _RADIUS)))
    seen = np.ascontiguousarray(parts[::step, ::step])
    markers = _markers(seen, count, _seen_nuclei(nuclei, step), radius / step)
    owner = np.zeros(int(markers.max()) + 1, dtype=np.int32)
    owner[markers] = seen
    owner[0] = 0
    several = np.bincount(owner, minlength=count + 1) > 1
    several[0] = False
    runs = Runs.of(parts)
    whole = np.where(several, 0, np.arange(count + 1) + len(owner)).astype(np.int32)  # of what is not divided
    whole[0] = 0
    values = runs.looked_up(whole)
    if several.any():
        divided = several[seen]
        pieces = _watershed(divided, np.where(divided, markers, 0))
        shared = runs.looked_up(several)
        values += np.where(shared, _at_every_pixel(pieces, step, shared, parts, owner), 0)
    used = np.zeros(len(owner) + count + 1, dtype=bool)
    used[values] = True
    used[0] = False
    return Runs.of(values).looked_up((np.cumsum(used) * used).astype(np.int32))


def _seen_nuclei(nuclei: Nuclei, step: int) -> NDArray[np.int32]:
    """Their labels on every so many pixels, none lost."""
    labels = np.ascontiguousarray(nuclei.labels[::step, ::step])
    if len(nuclei) and step > 1:
        columns, rows = nuclei.centres.round().astype(int).T // step
        places = (np.minimum(rows, labels.shape[0] - 1), np.minimum(columns, labels.shape[1] - 1))
        labels[places] = np.where(labels[places] == 0, np.arange(1, len(nuclei) + 1), labels[places])
    return labels


def _markers(parts: NDArray[np.int32], count: int, nuclei: NDArray[np.int32], radius: float) -> NDArray[np.int32]:
    """Nuclei, and tops of the smoothed distance to the border in parts without one."""
    markers = np.where(parts > 0, nuclei, 0).astype(np.int32)
    bare = np.ones(count + 1, dtype=bool)
    bare[parts[markers > 0]] = False
    bare[0] = False
    inside = bare[parts]
    if not inside.any():
        return markers
    thick = ndimage.distance_transform_edt(inside).astype(np.float32)
    smooth = gaussian_blur(torch.as_tensor(thick), _SMOOTH * radius).numpy()
    apart = 2 * round(max(1.0, _APART * radius)) + 1
    tops, _ = ndimage.label((ndimage.maximum_filter(smooth, size=apart) == smooth) & inside)
    return np.where(tops > 0, tops + int(nuclei.max(initial=0)), markers).astype(np.int32)


def _watershed(region: NDArray[np.bool_], markers: NDArray[np.int32]) -> NDArray[np.int32]:
    distance = ndimage.distance_transform_edt(markers == 0).astype(np.float32)
    thick = ndimage.distance_transform_edt(region).astype(np.float32)
    labels: NDArray[np.int32] = watershed(distance - thick, markers, mask=region)
    return labels.astype(np.int32)


def _at_every_pixel(
    labels: NDArray[np.int32], step: int, shared: NDArray[np.bool_], parts: NDArray[np.int32], owner: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Labels of every so many pixels at all of them: of the four around, those of its part, the nearest ones."""
    if step == 1:
        return labels
    height, width = parts.shape
    below = np.concatenate((labels[1:], labels[-1:]))
    mixed = labels != below
    for line in (labels, below):
        mixed[:, :-1] |= line[:, 1:] != labels[:, :-1]
    full, part, doubtful = (
        np.repeat(np.repeat(one, step, axis=1), step, axis=0)[:height, :width] for one in (labels, owner[labels], mixed)
    )
    doubtful = (doubtful | (part != parts)) & shared
    rows, columns = np.nonzero(doubtful)
    top, left = rows // step, columns // step
    bottom, right = np.minimum(top + 1, labels.shape[0] - 1), np.minimum(left + 1, labels.shape[1] - 1)
    around = np.stack([labels[top, left], labels[top, right], labels[bottom, left], labels[bottom, right]])
    around[owner[around] != parts[rows, columns]] = 0
    down, across = ((place % step).astype(np.float32) / step for place in (rows, columns))
    weights = np.stack([(1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across])
    total = np.stack([(weights * (around == one)).sum(axis=0) for one in around])
    total[around == 0] = 0
    full[rows, columns] = np.take_along_axis(around, total.argmax(axis=0)[None], axis=0)[0]
    _grow(full, shared)
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
