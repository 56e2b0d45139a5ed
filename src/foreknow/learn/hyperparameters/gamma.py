"""What is known of a weight before the data: a Gamma density."""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.learn.hyperparameters.knobs import Knobs


@dataclass(frozen=True)
class Gamma:
    """The density of a weight w proportional to w^(shape - 1) exp(-rate w); the default (1, 0) says nothing.

    Args:
        shape: at least 1.
        rate: not negative; with a positive rate a weight cannot grow without bounds.

    Raises:
        ParameterError: if an argument is outside its range.
    """

    shape: float = 1.0
    rate: float = 0.0

    def __post_init__(self) -> None:
        if not (self.shape >= 1 and self.rate >= 0):
            message = f"a Gamma density of weights has a shape of at least 1 and a rate that is not negative, not {self}"
            raise ParameterError(message)

    def penalty(self, knobs: Knobs) -> Tensor:
        """Its negative logarithm, summed over all weights, float64; noise levels are left alone."""
        total = torch.zeros((), dtype=torch.float64)
        for row in knobs.rows:
            if row.owner != "noise":
                weight = row.parameter().double()
                total = total.to(weight.device) + (self.rate * weight - (self.shape - 1) * weight.log()).sum()
        return total
