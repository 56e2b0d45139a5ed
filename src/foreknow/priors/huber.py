"""The Huber function: quadratic near zero, absolute beyond."""

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.parameters import Parameter
from foreknow.priors.elementwise import Elementwise, ratio_scale, within
from foreknow.shapes import sum_event


class Huber(Elementwise):
    r"""w sum_i r(\|x_i\|) with r(s) = s^2 / (2 delta) up to delta and s - delta / 2 beyond: smooth sparsity (Huber 1964).

    It is the Moreau envelope of the L1 norm at the step delta.

    Args:
        weight: a number, a tensor that broadcasts against x (one weight an element, or (\*batch, 1, ..., 1)), or a `Parameter`.
        delta: where the function becomes linear, in the units of x.
        event_dims: number of trailing axes that one value is computed over.

    Raises:
        ParameterError: if delta is not positive.
    """

    def __init__(self, weight: float | Tensor | Parameter = 1.0, delta: float = 1.0, event_dims: int = 1) -> None:
        super().__init__(weight, event_dims)
        if not delta > 0:
            message = f"delta of the Huber function must be positive, not {delta}"
            raise ParameterError(message)
        self.delta = delta

    def _penalty(self, modulus: Tensor) -> Tensor:
        small = modulus.clamp(max=self.delta)
        return small.square() / (2 * self.delta) + (modulus - small)

    def _shrink(self, modulus: Tensor, threshold: Tensor) -> Tensor:
        return torch.maximum(modulus / (1 + threshold / self.delta), modulus - threshold)

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:
        modulus = z.abs()
        value = self.delta / 2 * modulus.square() / torch.where(weight > 0, weight, 1.0)
        return sum_event(torch.where(within(modulus, weight), value, torch.inf), self.event_dims)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:
        return ratio_scale(weight, z.abs(), self.event_dims)

    def _symbol(self) -> str:
        return "Huber({x})"
