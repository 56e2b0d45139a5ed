"""What is counted of found cells against the truth; all numbers are pooled over the fields of a subset."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from benchmarks.cytology_cases import Case

_LEAST = 0.5  # intersection over union of a match
_SMALL = 300  # pixels of a part that is too small to count as a clump
_NEAR = 12.0  # pixels between the centres of matched nuclei


@dataclass(frozen=True)
class Found:
    """What a method says of a field.

    Attributes:
        mask: (height, width) bool, where cells are.
        boxes: (n, 4) x0, y0, x1, y1 of cells; None: those of the connected parts of the mask.
        nuclei: (n, 2) x, y; None where the method finds none.
    """

    mask: NDArray[np.bool_] = field(repr=False)
    boxes: NDArray[np.float64] | None = None
    nuclei: NDArray[np.float64] | None = None


@dataclass
class Counts:
    """Sums over fields, and what follows from them."""

    both: int = 0
    found: int = 0
    true: int = 0
    background: int = 0
    clumps: list[int] = field(default_factory=lambda: [0, 0, 0])
    boxes: list[int] = field(default_factory=lambda: [0, 0, 0])
    nuclei: list[int] = field(default_factory=lambda: [0, 0, 0])
    hit: list[int] = field(default_factory=lambda: [0, 0])

    def add(self, case: Case, found: Found) -> None:
        """Count one field."""
        if case.region is not None:
            self._pixels(case.region, found.mask)
            _sum(self.clumps, _clumps(case.region, found.mask))
        if len(case.boxes):
            _sum(self.boxes, _boxes(case.boxes, boxes_of(found.mask) if found.boxes is None else found.boxes))
        if len(case.nuclei):
            x, y = np.clip(case.nuclei.round().astype(int), 0, np.array(found.mask.shape[::-1]) - 1).T
            _sum(self.hit, [int(found.mask[y, x].sum()), len(x)])
            if found.nuclei is not None and case.nuclei_complete:
                _sum(self.nuclei, _points(case.nuclei, found.nuclei))

    def _pixels(self, region: NDArray[np.uint8], mask: NDArray[np.bool_]) -> None:
        cell, glass = region == 255, region == 0
        self.both += int((cell & mask).sum())
        self.found += int(((cell | glass) & mask).sum())
        self.true += int(cell.sum())
        self.background += int(glass.sum())

    @property
    def dice(self) -> float | None:
        """Twice what both have over the sum."""
        return _ratio(2 * self.both, self.found + self.true)

    @property
    def iou(self) -> float | None:
        """What both have over what either has."""
        return _ratio(self.both, self.found + self.true - self.both)

    @property
    def false_positives(self) -> float | None:
        """Share of the background that was called cell."""
        return _ratio(self.found - self.both, self.background)

    @property
    def clump_f1(self) -> float | None:
        """Of connected parts at an intersection over union of a half."""
        return _f1(self.clumps)

    @property
    def box_f1(self) -> float | None:
        """Of boxes of cells, likewise."""
        return _f1(self.boxes)

    @property
    def nucleus_f1(self) -> float | None:
        """Of nuclei whose centres are near."""
        return _f1(self.nuclei) if self.nuclei[1] else None

    @property
    def nucleus_hit(self) -> float | None:
        """Share of true nuclei in the mask."""
        return _ratio(*self.hit)


def boxes_of(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Boxes of the connected parts of a mask."""
    parts = ndimage.find_objects(ndimage.label(mask)[0])
    return np.array([[x.start, y.start, x.stop, y.stop] for y, x in parts], dtype=float).reshape(-1, 4)


def _clumps(region: NDArray[np.uint8], mask: NDArray[np.bool_]) -> list[int]:
    """Matched, found and true connected parts; what lies mostly where nothing is scored is not counted."""
    scored = region != 127
    true, n_true = _large_parts(region == 255)
    found, n_found = _large_parts(mask)
    joint = np.bincount((true * (n_found + 1) + found)[scored], minlength=(n_true + 1) * (n_found + 1)).reshape(n_true + 1, -1)
    inside = joint[1:, 1:]
    union = joint.sum(1)[1:, None] + joint.sum(0)[None, 1:] - inside
    overlap = inside / np.maximum(1, union)
    rows, columns = linear_sum_assignment(-overlap)
    matched = int((overlap[rows, columns] >= _LEAST).sum())
    sizes = np.bincount(found.ravel(), minlength=n_found + 1)[1:]
    counted = int((joint.sum(0)[1:] >= 0.5 * sizes).sum()) if n_found else 0
    return [matched, counted, n_true]


def _large_parts(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    parts, count = ndimage.label(mask)
    large = np.bincount(parts.ravel(), minlength=count + 1) >= _SMALL
    large[0] = False
    number = np.cumsum(large) * large
    return number[parts], int(large.sum())


def _boxes(true: NDArray[np.float64], found: NDArray[np.float64]) -> list[int]:
    if not len(found):
        return [0, 0, len(true)]
    low = np.maximum(true[:, None, :2], found[None, :, :2])
    high = np.minimum(true[:, None, 2:], found[None, :, 2:])
    inside = np.prod(np.clip(high - low, 0, None), axis=-1)
    area = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=-1) for boxes in (true, found)]
    overlap = inside / np.maximum(1e-9, area[0][:, None] + area[1][None] - inside)
    rows, columns = linear_sum_assignment(-overlap)
    return [int((overlap[rows, columns] >= _LEAST).sum()), len(found), len(true)]


def _points(true: NDArray[np.float64], found: NDArray[np.float64]) -> list[int]:
    if not len(found):
        return [0, 0, len(true)]
    distance = np.linalg.norm(true[:, None] - found[None], axis=-1)
    rows, columns = linear_sum_assignment(np.minimum(distance, 2 * _NEAR))
    return [int((distance[rows, columns] <= _NEAR).sum()), len(found), len(true)]


def _sum(total: list[int], more: Sequence[int]) -> None:
    for place, value in enumerate(more):
        total[place] += value


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _f1(counts: Sequence[int]) -> float | None:
    return _ratio(2 * counts[0], counts[1] + counts[2])
