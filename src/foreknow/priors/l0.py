"""The number of non-zero elements."""

import torch
from torch import Tensor

from foreknow.priors.elementwise import Elementwise, attached_zero
from foreknow.shapes import sum_event


class L0(Elementwise):
    r"""w \|x\|_0: the number of elements that are not zero. Not convex; its proximal map is hard thresholding at sqrt(2 step w).

    At the threshold itself both x and 0 are minimisers; 0 is returned (Blumensath and Davies 2008). The gradient of the value is 0.

    Args:
        weight: a number, a tensor that broadcasts against x (one weight an element, or (\*batch, 1, ..., 1)), or a `Parameter`.
        event_dims: number of trailing axes that one value is computed over.
    """

    convex = False
    homogeneity = 0.0

    def _penalty(self, modulus: Tensor) -> Tensor:
        return (modulus > 0).to(modulus.dtype)

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:
        return sum_event(weight * self._penalty(x.detach().abs()), self.event_dims) + attached_zero(x, self.event_dims)

    def _shrink(self, modulus: Tensor, threshold: Tensor) -> Tensor:
        return torch.where(modulus.square() <= 2 * threshold, 0.0, modulus)

    def _symbol(self) -> str:
        return "|{x}|_0"
