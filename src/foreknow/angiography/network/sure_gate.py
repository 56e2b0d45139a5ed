"""A gate that means what it says: of the pixels where it is 0.5, half are vessel."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional

from foreknow.angiography.network.training_runs import GATE
from foreknow.angiography.network.vessel_network import VesselNetwork
from foreknow.learn import Data

_BATCH = 4
_PIXELS = 20_000  # of an item: enough to weigh two numbers on


def calibrate_gate(network: VesselNetwork, data: Data, epochs: Iterable[int]) -> None:
    """Put the network's gate right by a factor and a level, which its last layer gets.

    Training for overlap makes a network too sure. The two numbers are those with the least cross entropy (Platt 1999), of films and
    of their frames alone in turn, on data that it did not learn from.

    Args:
        network: changed in place.
        data: films with the truth of the gate.
        epochs: in which they are drawn.
    """
    with torch.no_grad():
        pairs = [pair for epoch in epochs for start in range(0, len(data), _BATCH) for pair in _said(network, data, start, epoch)]
    said, truth = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    network.rescale_gate(*least_entropy(said, truth))


def least_entropy(said: Tensor, truth: Tensor) -> tuple[float, float]:
    """Factor and level of numbers ``said`` (pixels,) whose sigmoid tells ``truth`` (pixels,) best."""
    numbers = torch.tensor([1.0, 0.0], requires_grad=True)
    optimiser = torch.optim.LBFGS([numbers], max_iter=50, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        entropy = functional.binary_cross_entropy_with_logits(numbers[0] * said + numbers[1], truth)
        entropy.backward()
        return entropy.detach()

    optimiser.step(loss)
    factor, level = numbers.detach().tolist()
    return factor, level


def _said(network: VesselNetwork, data: Data, start: int, epoch: int) -> list[tuple[Tensor, Tensor]]:
    """Some pixels of the gate before its sigmoid, with the truth: of films, and of their frames alone."""
    example = data.draw(range(start, min(start + _BATCH, len(data))), epoch)
    frames = example.y.reshape(-1, 1, *example.y.shape[-2:])
    step = max(1, example.y[0].numel() // _PIXELS) | 1  # odd: not the same columns of every row
    truth = example.truth[GATE].flatten()[::step]
    return [(network(y)[GATE].flatten()[::step], truth) for y in (example.y, frames)]
