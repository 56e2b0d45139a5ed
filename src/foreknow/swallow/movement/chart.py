"""The neck's surface as a map of square cells about the larynx, the same for every camera."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.swallow.movement.tracking import Tracked

CELL_MM = 4.0
LEFT_MM, TOP_MM = -40.0, -52.0
COLUMNS, ROWS = 20, 24
CELLS = COLUMNS * ROWS
"""Of a chart: 80 mm across, from 52 mm above the larynx (mouth floor) to 44 mm below it."""


@dataclass(frozen=True, slots=True)
class ChartFrame:
    """One frame on the chart.

    Attributes:
        change: (CELLS,) millimetres, mean over a cell; 0 where nothing is seen.
        weight: (CELLS,) share of a cell's pixels that are seen, 0 to 1.
    """

    change: Tensor
    weight: Tensor


class Chart:
    """Sorts the pixels of a reference surface into cells.

    Args:
        points: (3, height, width) of the reference, millimetres.
        known: (height, width) bool.
        larynx: (right, down, away), millimetres.
    """

    def __init__(self, points: Tensor, known: Tensor, larynx: tuple[float, float, float]) -> None:
        column = ((points[0] - larynx[0] - LEFT_MM) / CELL_MM).floor().long()
        row = ((points[1] - larynx[1] - TOP_MM) / CELL_MM).floor().long()
        inside = known & (column >= 0) & (column < COLUMNS) & (row >= 0) & (row < ROWS)
        self._pixels = inside.flatten().nonzero().squeeze(1)
        self._cells = (row * COLUMNS + column).flatten()[self._pixels]
        self._away = larynx[2]
        self._sizes = torch.zeros(CELLS).index_add(0, self._cells, torch.ones(len(self._cells)))

    def shape(self, depth: Tensor) -> Tensor:
        """The resting surface itself: depth of the cells from that of the larynx, (CELLS,) millimetres, 0 where it is unknown.

        Args:
            depth: (height, width) of the reference, millimetres.
        """
        total = torch.zeros(CELLS).index_add(0, self._cells, depth.flatten()[self._pixels] - self._away)
        return total / self._sizes.clamp(min=1.0)

    @property
    def share(self) -> float:
        """Share of the cells that the reference fills."""
        return float((self._sizes > 0).float().mean())

    def frame(self, tracked: Tracked) -> ChartFrame:
        """Means over cells of one frame."""
        values = tracked.residual.flatten()[self._pixels]
        seen = tracked.seen.flatten()[self._pixels].to(values.dtype)
        total = torch.zeros(CELLS).index_add(0, self._cells, values * seen)
        count = torch.zeros(CELLS).index_add(0, self._cells, seen)
        return ChartFrame(total / count.clamp(min=1.0), count / self._sizes.clamp(min=1.0))
