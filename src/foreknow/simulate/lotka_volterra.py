"""Predators and prey."""

from collections.abc import Sequence

import torch
from torch import Tensor

from foreknow.parameters import Parameter
from foreknow.simulate.rates import Dynamics


class LotkaVolterra(Dynamics):
    """x' = a x - b x y, y' = d x y - c y (Lotka 1925; Volterra 1926).

    The numbers are listed as (a, b, c, d): growth and loss of the prey, death and growth of the predators.

    Args:
        growth: a.
        predation: b.
        death: c.
        conversion: d.
    """

    def __init__(
        self,
        growth: float | Parameter = 1.5,
        predation: float | Parameter = 1.0,
        death: float | Parameter = 3.0,
        conversion: float | Parameter = 1.0,
    ) -> None:
        super().__init__({"growth": growth, "predation": predation, "death": death, "conversion": conversion})

    def rate(self, state: Tensor, time: float, numbers: Tensor) -> Tensor:  # noqa: ARG002
        """The two rates."""
        prey, predators = state.unbind(dim=-1)
        growth, predation, death, conversion = numbers.unbind(dim=-1)
        meetings = prey * predators
        return torch.stack((growth * prey - predation * meetings, conversion * meetings - death * predators), dim=-1)

    def start(self, generator: torch.Generator, batch: Sequence[int] = ()) -> Tensor:
        """Both near 1."""
        return torch.exp(0.1 * torch.randn(*batch, 2, generator=generator, dtype=torch.float64))
