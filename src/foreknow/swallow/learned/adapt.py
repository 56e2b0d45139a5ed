"""Adapted to a recording without labels: the larynx lies where the declared model explains the neck's movement best."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.swallow.learned.network import POSE, PROFILES, SwallowNetwork
from foreknow.swallow.movement.chart import CELL_MM, CELLS, COLUMNS, ROWS

REACH = 3
"""Cells by which the larynx may be moved, up or down."""

_GAIN = 0.02  # share by which more must be explained for the larynx to be moved


@dataclass(frozen=True)
class Placement:
    """Where the larynx is taken to be.

    Attributes:
        cells: by which the map is shifted down (negative: up).
        explained: by how much the code lowers the declared objective for each shift from -REACH to REACH, relative to the most.
            (As a share of what there is to explain it would prefer places where the patterns see little.)
    """

    cells: int
    explained: tuple[float, ...]

    @property
    def millimetres(self) -> float:
        """By which the larynx lies higher (positive) than where the neck's shape at rest says."""
        return self.cells * CELL_MM


def adapt_placement(network: SwallowNetwork, columns: Tensor) -> Placement:
    """Find the shift for which the unrolled code explains the recording best; no label is needed.

    Args:
        network: trained.
        columns: (INPUTS, time) of a whole recording, see `network_input`.
    """
    window = network.settings.window
    if columns.shape[1] < window:
        return Placement(0, ())
    explained = [_explained(network, shifted(columns, cells)) for cells in range(-REACH, REACH + 1)]
    most = max(explained)
    moved = explained.index(most) - REACH if explained[REACH] < (1 - _GAIN) * most else 0
    return Placement(moved, tuple(one / max(most, 1e-9) for one in explained))


def shifted(columns: Tensor, cells: int) -> Tensor:
    """The network's input with the map moved down by some cells, its edge continued."""
    table, pose, profiles = columns.split((CELLS, POSE, PROFILES))
    rows = (torch.arange(ROWS) - cells).clamp(0, ROWS - 1)
    moved = table.reshape(ROWS, COLUMNS, -1)[rows].flatten(0, 1)
    return torch.cat((moved, pose, profiles.reshape(2, ROWS, -1)[:, rows].flatten(0, 1)))


@torch.no_grad()
def _explained(network: SwallowNetwork, columns: Tensor) -> float:
    """By how much the code lowers the declared objective from that of zeros, over half-overlapping windows."""
    window = network.settings.window
    windows = columns.unfold(1, window, window // 2).transpose(0, 1)
    scaled, estimate = network.code(windows)
    problem = network.coding.learned_problem().for_data(scaled)
    objective = problem.objective(tuple(estimate.coefficients[name] for name in network.coding.names), scaled)
    return float((0.5 * scaled.square().sum(dim=(1, 2)) - objective).clamp(min=0).sum())
