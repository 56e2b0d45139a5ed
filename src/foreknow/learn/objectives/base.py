"""The contract of what a network is trained for."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from foreknow.learn.data import Example
from foreknow.learn.emission import Emit


class Objective(nn.Module, ABC):
    """A loss of every item. Its buffers, if it has any, are part of a checkpoint; none of its parameters is trained."""

    @abstractmethod
    def losses(self, emit: Emit, example: Example, generator: torch.Generator) -> Tensor:
        """The loss of each item, (batch,), differentiable with respect to the network.

        Args:
            emit: the network, as a function from y to an `Emission`.
            example: a batch.
            generator: source of all randomness, on the CPU.

        Raises:
            DataError: if the batch or what the network says of it does not fit.
        """

    def advance(self, mean: Callable[[Tensor], Tensor], learning_rate: float) -> None:
        """Move what the objective itself adapts; called after every training step.

        Args:
            mean: the mean of a tensor over all devices.
            learning_rate: at which the network has just moved.
        """
