"""The L1 norm: sparsity."""

import torch
from torch import Tensor

from foreknow.priors.elementwise import Elementwise, ratio_scale, within, zero_or_infinite
from foreknow.priors.soft_threshold import soft_threshold


class L1(Elementwise):
    r"""w \|x\|_1: sparsity; the sum of the moduli (of complex numbers as well).

    Its proximal map is soft thresholding (Donoho and Johnstone 1994; Combettes and Wajs 2005, example 2.16). With one weight an
    element it is the weighted L1 norm (Candes, Wakin and Boyd 2008).

    Args:
        weight: a number, a tensor that broadcasts against x (one weight an element, or (\*batch, 1, ..., 1)), or a `Parameter`.
        event_dims: number of trailing axes that one value is computed over.
    """

    homogeneity = 1.0

    def _penalty(self, modulus: Tensor) -> Tensor:
        return modulus

    def _shrink(self, modulus: Tensor, threshold: Tensor) -> Tensor:
        return torch.relu(modulus - threshold)

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        return super()._prox(x, threshold) if x.is_complex() else soft_threshold(x, threshold)

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:
        feasible = within(z.abs(), weight).flatten(-self.event_dims).all(-1)
        return zero_or_infinite(feasible, z)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:
        return ratio_scale(weight, z.abs(), self.event_dims)

    def _symbol(self) -> str:
        return "|{x}|_1"
