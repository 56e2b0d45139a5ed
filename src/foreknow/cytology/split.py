"""Clumps into cells: one for each nucleus, and by shape where no nucleus is seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from foreknow.cytology.nuclei import Nuclei

_SMOOTH, _APART = 0.12, 0.7  # of the typical radius: what smooths the distance to the border, and how far its tops are apart


def split_cells(region: NDArray[np.bool_], nuclei: Nuclei, radius: float) -> NDArray[np.int32]:
    """Labels of cells, (height, width) int32.

    Every pixel of a clump goes to the nucleus that is nearest along paths which prefer the middle of the clump to its necks
    (watershed of the distance to the border and to the nuclei; Vincent and Soille 1991). Parts without a nucleus are split where
    they have a neck.

    Args:
        region: (height, width), where cells are.
        nuclei: of the field.
        radius: of a typical cell, pixels (`cell_region`).
    """
    markers, count = _markers(region, nuclei, radius)
    if not count:
        return np.zeros(region.shape, dtype=np.int32)
    distance = ndimage.distance_transform_edt(markers == 0)
    thick = ndimage.distance_transform_edt(region)
    labels: NDArray[np.int32] = watershed(distance - thick, markers, mask=region).astype(np.int32)
    return labels


def _markers(region: NDArray[np.bool_], nuclei: Nuclei, radius: float) -> tuple[NDArray[np.int32], int]:
    markers = np.where(region, nuclei.labels, 0).astype(np.int32)
    parts, count = ndimage.label(region)
    known = np.zeros(count + 1, dtype=bool)
    known[np.unique(parts[markers > 0])] = True
    bare = ~known
    bare[0] = False
    if bare.any():
        inside = bare[parts]
        thick = ndimage.distance_transform_edt(inside)
        smooth = ndimage.gaussian_filter(thick.astype(np.float32), _SMOOTH * radius)
        apart = 2 * round(max(1.0, _APART * radius)) + 1
        tops, _ = ndimage.label((ndimage.maximum_filter(smooth, size=apart) == smooth) & (thick > 0))
        markers = np.where((tops > 0) & inside, tops + len(nuclei), markers).astype(np.int32)
    numbers = np.unique(markers)
    numbers = numbers[numbers > 0]
    table = np.zeros(int(numbers.max(initial=0)) + 1, dtype=np.int32)
    table[numbers] = np.arange(1, len(numbers) + 1)
    return table[markers], len(numbers)
