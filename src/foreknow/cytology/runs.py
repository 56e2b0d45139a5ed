"""Label images as runs: stretches of a row that have one value, over which sums and tables cost little."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Entry = TypeVar("Entry", bound=np.generic)
"""What an image holds."""


@dataclass(frozen=True)
class Runs:
    """The runs of a label image, row by row.

    Attributes:
        starts: (n,) first pixel of each in the flattened image.
        lengths: (n,) pixels of each.
        values: (n,) its label.
        shape: (height, width) of the image.
    """

    starts: NDArray[np.intp] = field(repr=False)
    lengths: NDArray[np.intp] = field(repr=False)
    values: NDArray[np.generic] = field(repr=False)
    shape: tuple[int, int]

    @classmethod
    def of(cls, labels: NDArray[np.generic]) -> Runs:
        """Those of labels (height, width) of one pixel or more."""
        changes = np.ones(labels.shape, dtype=bool)
        np.not_equal(labels[:, 1:], labels[:, :-1], out=changes[:, 1:])
        starts = np.flatnonzero(changes)
        return cls(starts, np.diff(starts, append=labels.size), labels.ravel()[starts], (labels.shape[0], labels.shape[1]))

    def image(self, values: NDArray[Entry]) -> NDArray[Entry]:
        """The image in which each run has its entry of (n,) values."""
        return np.repeat(values, self.lengths).reshape(self.shape)

    def looked_up(self, table: NDArray[Entry]) -> NDArray[Entry]:
        """The image in which each pixel has the entry of the table that its label tells."""
        return self.image(table[self.values])

    def sums(self, plane: NDArray[np.floating]) -> NDArray[np.float64]:
        """Sums of a plane (height, width) over each run, (n,)."""
        return np.add.reduceat(plane.ravel(), self.starts).astype(np.float64)

    def reached(self, sign: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which runs have a pixel with the sign (height, width), (n,)."""
        return np.maximum.reduceat(np.ascontiguousarray(sign).view(np.uint8).ravel(), self.starts) > 0

    def by_label(self, weights: NDArray[np.generic], count: int) -> NDArray[np.float64]:
        """Sums of what runs weigh over labels 0 to ``count``."""
        return np.bincount(self.values, weights=weights, minlength=count + 1).astype(np.float64, copy=False)

    def areas(self, count: int) -> NDArray[np.int64]:
        """Pixels of labels 0 to ``count``."""
        return self.by_label(self.lengths, count).astype(np.int64)

    def holding(self, sign: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
        """Which of the labels 0 to ``count`` have a pixel with the sign; 0 does not count."""
        held = np.zeros(count + 1, dtype=bool)
        held[self.values[self.reached(sign)]] = True
        held[0] = False
        return held
