"""Pairs of data and truth that a simulator makes while the network is trained."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.learn.data.base import Data
from foreknow.learn.data.example import Example, stack
from foreknow.learn.seeds import generator_of

Simulate = Callable[[torch.Generator], tuple[Tensor, Mapping[str, Tensor]]]
"""From a source of randomness to one item: y, and the signals A_i x_i by component name (what `Model.simulate` returns)."""


class Simulated(Data):
    """A simulator as a data set: in every epoch new items, each a function of (seed, epoch, number) alone.

    Args:
        simulate: draws one item; it must take all randomness from the generator that it is given.
        size: items that are called an epoch.
        seed: of the whole data set.

    Raises:
        ParameterError: if the size is not positive.
    """

    def __init__(self, simulate: Simulate, size: int, seed: int = 0) -> None:
        if size < 1:
            message = f"an epoch of simulated data needs at least one item, not {size}"
            raise ParameterError(message)
        self.simulate = simulate
        self.size = size
        self.seed = seed

    def __len__(self) -> int:
        """Items in an epoch."""
        return self.size

    def draw(self, indices: Sequence[int], epoch: int) -> Example:
        """Items as they are simulated for this epoch."""
        return stack([Example(*self.simulate(generator_of("simulated", self.seed, epoch, index))) for index in indices])

    def fingerprint(self) -> str:
        """The name of the simulator, the size and the seed."""
        name = getattr(self.simulate, "__qualname__", type(self.simulate).__qualname__)
        return f"simulated by {name}, {self.size} an epoch, seed {self.seed}"
