"""Adapted to a recording without labels: the larynx lies where the declared model explains the neck's movement best."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.swallow.learned.network import POSE, PROFILES, SwallowNetwork
from foreknow.swallow.movement.chart import CELL_MM, CELLS, COLUMNS, ROWS

REACH = 3
"""Cells by which the larynx may be moved, up or down."""

_SURE = 2.5  # standard errors by which windows must agree that another place explains more; noise alone prefers places too


@dataclass(frozen=True)
class Placement:
    """Where the larynx is taken to be.

    Attributes:
        cells: by which the map is shifted down (negative: up).
        explained: by how much the code lowers the declared objective for each shift from -REACH to REACH, relative to the most.
            (As a share of what there is to explain it would prefer places where the patterns see little.)
        sure: by how many standard errors, over windows, the best place explains more than the one that was found.
    """

    cells: int
    explained: tuple[float, ...]
    sure: float = 0.0

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
    explained = torch.stack([_explained(network, shifted(columns, cells)) for cells in range(-REACH, REACH + 1)])
    total = explained.sum(dim=1)
    best = int(total.argmax())
    more = explained[best] - explained[REACH]
    windows = max(1.0, len(more) / 2)  # that do not overlap
    error = float(more.std(correction=0)) / windows**0.5
    sure = float(more.mean()) / error if error > 0 else 0.0
    shares = total / total[best].clamp(min=1e-9)
    return Placement(best - REACH if sure > _SURE else 0, tuple(shares.tolist()), sure)


def shifted(columns: Tensor, cells: int) -> Tensor:
    """The network's input with the map moved down by some cells, its edge continued."""
    table, pose, profiles = columns.split((CELLS, POSE, PROFILES))
    rows = (torch.arange(ROWS) - cells).clamp(0, ROWS - 1)
    moved = table.reshape(ROWS, COLUMNS, -1)[rows].flatten(0, 1)
    return torch.cat((moved, pose, profiles.reshape(2, ROWS, -1)[:, rows].flatten(0, 1)))


@torch.no_grad()
def _explained(network: SwallowNetwork, columns: Tensor) -> Tensor:
    """By how much the code lowers the declared objective from that of zeros, for each half-overlapping window."""
    window = network.settings.window
    windows = columns.unfold(1, window, window // 2).transpose(0, 1)
    scaled, estimate = network.code(windows)
    problem = network.coding.learned_problem().for_data(scaled)
    objective = problem.objective(tuple(estimate.coefficients[name] for name in network.coding.names), scaled)
    return (0.5 * scaled.square().sum(dim=(1, 2)) - objective).clamp(min=0)
