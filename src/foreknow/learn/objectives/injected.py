"""Learning from the priors of a declared model alone."""

import torch
from torch import Tensor

from foreknow.inject import ModelLoss
from foreknow.learn.data import Example
from foreknow.learn.emission import Emit
from foreknow.learn.objectives.base import Objective


class Injected(Objective):
    """The loss of a model (`foreknow.Model.loss`) at the coefficients that the network gives: no truth is needed.

    It is divided by the number of samples of an item, so that losses, learning rates and the limit of the gradient mean the same
    for crops and films of all sizes.

    Args:
        loss: what `Model.loss` returns.
    """

    def __init__(self, loss: ModelLoss) -> None:
        super().__init__()
        self.loss = loss

    def losses(self, emit: Emit, example: Example, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """The loss of each item.

        Raises:
            DataError: if the network does not give all coefficients that the loss asks for.
        """
        return self.loss(emit(example.y).coefficients, example.y) / max(1, example.y[0].numel())
