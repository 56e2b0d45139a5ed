"""How well a network does on data that it does not learn from."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from foreknow.learn.data import Data
from foreknow.learn.emission import Emit, Emitter
from foreknow.learn.objectives import Objective
from foreknow.learn.seeds import generator_of


@dataclass(frozen=True)
class Validation:
    """What decides which weights are kept and when to stop: the lowest mean loss.

    Attributes:
        data: not learned from; drawn as in epoch 0, so that the score has the same items every time.
        objective: that of the training if None; another one where that moves (`UNSURE`), where truth is known here only, or where
            another number says more (`AmortisationGap`).
        enough: score at which the training may end; None to go on.
    """

    data: Data
    objective: Objective | None = None
    enough: float | None = None


def evaluate(network: nn.Module, objective: Objective, data: Data, batch_size: int = 8) -> float:
    """The mean loss over a data set, without gradients, in evaluation mode, where the network is.

    Raises:
        DataError: if the network or the data do not fit the objective.
    """
    modes = [(module, module.training) for module in network.modules()]
    parameter = next(network.parameters(), None)
    device = torch.device("cpu") if parameter is None else parameter.device
    network.eval()
    try:
        return mean_loss(Emitter(network), objective.to(device), data, batch_size, device)
    finally:
        for module, mode in modes:
            module.training = mode


@torch.no_grad()
def mean_loss(emit: Emit, objective: Objective, data: Data, batch_size: int, device: torch.device) -> float:
    """The mean loss over epoch 0 of a data set."""
    total = 0.0
    for first in range(0, len(data), batch_size):
        indices = range(first, min(first + batch_size, len(data)))
        example = data.draw(indices, 0).to(device)
        losses = objective.losses(emit, example, generator_of("validation", first))
        total += float(losses.sum(dtype=torch.float64))
    return total / len(data)


Score = Callable[[nn.Module], float]
"""A number that says how well a network does; higher is better."""
