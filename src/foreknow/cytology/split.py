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
_RADIUS, _COARSEST = 16, 4  # pixels of a typical cell's radius at which shapes are looked at; at most so many times coarser


def split_cells(region: NDArray[np.bool_], nuclei: Nuclei, radius: float) -> NDArray[np.int32]:
    """Labels of cells, (height, width) int32.

    Every pixel of a clump goes to the nucleus that is nearest along paths which prefer the middle of the clump to its necks
    (watershed of the distance to the border and to the nuclei; Vincent and Soille 1991). Parts without a nucleus are split where
    they have a neck. Where cells are large this is done on every second to fourth pixel; the region keeps all of them.

    Args:
        region: (height, width), where cells are.
        nuclei: of the field.
        radius: of a typical cell, pixels (`cell_region`).
    """
    parts, count = ndimage.label(region)
    if not count:
        return np.zeros(region.shape, dtype=np.int32)
    step = max(1, min(_COARSEST, int(radius / _RADIUS)))
    seen = np.ascontiguousarray(parts[::step, ::step])
    markers = _markers(seen, count, _seen_nuclei(nuclei, step), radius / step)
    owner = np.zeros(int(markers.max()) + 1, dtype=np.int32)
    owner[markers] = seen
    owner[0] = 0
    several = np.bincount(owner, minlength=count + 1) > 1
    several[0] = False
    on = np.flatnonzero(region)
    own = parts.ravel()[on]
    values = own + np.int32(len(owner))  # of what is not divided
    if several.any():
        divided = several[seen]
        pieces = _watershed(divided, np.where(divided, markers, 0))
        shared = several[own]
        values[shared] = _at_every_pixel(pieces, step, on[shared], parts, owner)
    used = np.zeros(int(values.max()) + 1, dtype=bool)
    used[values] = True
    labels = np.zeros(region.shape, dtype=np.int32)
    labels.ravel()[on] = (np.cumsum(used) - used[0]).astype(np.int32)[values] * (values > 0)
    return labels


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
    labels: NDArray[np.int32], step: int, on: NDArray[np.intp], parts: NDArray[np.int32], owner: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Labels of every so many pixels at the pixels ``on``: of the four around, those of its part, the nearest ones."""
    rows, columns = np.divmod(on, parts.shape[1])
    if step == 1:
        return labels[rows, columns]
    top, left = rows // step, columns // step
    bottom, right = np.minimum(top + 1, labels.shape[0] - 1), np.minimum(left + 1, labels.shape[1] - 1)
    around = np.stack([labels[top, left], labels[top, right], labels[bottom, left], labels[bottom, right]])
    found, part = around[0].copy(), parts.ravel()[on]
    mixed = np.flatnonzero((around[1:] != around[0]).any(axis=0) | (owner[found] != part))
    rows, columns, around = rows[mixed], columns[mixed], around[:, mixed]
    around[owner[around] != part[mixed]] = 0
    down, across = (rows % step) / step, (columns % step) / step
    weights = np.stack([(1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across])
    total = np.stack([(weights * (around == one)).sum(axis=0) for one in around])
    total[around == 0] = 0
    found[mixed] = np.take_along_axis(around, total.argmax(axis=0)[None], axis=0)[0]
    return found if found.all() else _grown(found, on, parts.shape)


def _grown(values: NDArray[np.int32], on: NDArray[np.intp], shape: tuple[int, int]) -> NDArray[np.int32]:
    """What has no label takes that of a neighbour, until nothing changes."""
    wide = shape[1] + 2
    flat = np.zeros((shape[0] + 2) * wide, dtype=np.int32)
    rows, columns = np.divmod(on, shape[1])
    place = (rows + 1) * wide + columns + 1
    flat[place] = values
    empty = place[values == 0]
    while len(empty):
        near = np.max([flat[empty + shift] for shift in (-wide, -1, 1, wide)], axis=0)
        flat[empty] = near
        if not near.any():
            break
        empty = empty[near == 0]
    return flat[place]
