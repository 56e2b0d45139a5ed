"""Adapted to a recording without labels: the larynx lies where the declared model explains the neck's movement best."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.swallow.learned.network import POSE, PROFILES, SwallowNetwork
from foreknow.swallow.movement.chart import CELL_MM, CELLS, COLUMNS, ROWS

REACH = 3
"""Cells by which the larynx may be moved, up or down."""

_GAIN = 0.01  # by which the objective must fall, relative to that of nothing explained, for the larynx to be moved


@dataclass(frozen=True)
class Placement:
    """Where the larynx is taken to be.

    Attributes:
        cells: by which the map is shifted down (negative: up).
        objectives: of the declared model for each shift from -REACH to REACH, as a share of that of a code of zeros.
    """

    cells: int
    objectives: tuple[float, ...]

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
    objectives = tuple(_unexplained(network, shifted(columns, cells)) for cells in range(-REACH, REACH + 1))
    best = min(range(len(objectives)), key=objectives.__getitem__)
    fell = objectives[REACH] - objectives[best]
    return Placement(best - REACH if fell > _GAIN else 0, objectives)


def shifted(columns: Tensor, cells: int) -> Tensor:
    """The network's input with the map moved down by some cells, its edge continued."""
    table, pose, profiles = columns.split((CELLS, POSE, PROFILES))
    rows = (torch.arange(ROWS) - cells).clamp(0, ROWS - 1)
    moved = table.reshape(ROWS, COLUMNS, -1)[rows].flatten(0, 1)
    return torch.cat((moved, pose, profiles.reshape(2, ROWS, -1)[:, rows].flatten(0, 1)))


@torch.no_grad()
def _unexplained(network: SwallowNetwork, columns: Tensor) -> float:
    """The declared objective of the code over half-overlapping windows, as a share of that of zeros."""
    window = network.settings.window
    windows = columns.unfold(1, window, window // 2).transpose(0, 1)
    scaled, estimate = network.code(windows)
    problem = network.coding.learned_problem().for_data(scaled)
    objective = problem.objective(tuple(estimate.coefficients[name] for name in network.coding.names), scaled)
    return float(objective.sum() / (0.5 * scaled.square().sum()).clamp(min=1e-9))
