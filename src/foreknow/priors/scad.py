"""The smoothly clipped absolute deviation."""

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.parameters import Parameter
from foreknow.priors.elementwise import Elementwise


class SCAD(Elementwise):
    r"""The smoothly clipped absolute deviation, w sum_i r(\|x_i\|): sparsity without bias (Fan and Li 2001).

    r(s) = s up to the knee k; its slope then falls linearly to 0 at a k; beyond, r = k (a + 1) / 2. The penalty of the paper is the
    one with w = k = lambda. Not convex. The proximal map is exact for every step: the best of the minimisers on the three pieces.

    Args:
        weight: a number, a tensor that broadcasts against x (one weight an element, or (\*batch, 1, ..., 1)), or a `Parameter`.
        knee: k, the modulus up to which it is the L1 norm, in the units of x.
        a: where it becomes constant, in knees; greater than 1 (the paper's choice is 3.7).
        event_dims: number of trailing axes that one value is computed over.

    Raises:
        ParameterError: if the knee is not positive or a is not greater than 1.
    """

    convex = False

    def __init__(self, weight: float | Tensor | Parameter = 1.0, knee: float = 1.0, a: float = 3.7, event_dims: int = 1) -> None:
        super().__init__(weight, event_dims)
        if not (knee > 0 and a > 1):
            message = f"SCAD needs knee > 0 and a > 1, not knee = {knee}, a = {a}"
            raise ParameterError(message)
        self.knee = knee
        self.a = a

    def _penalty(self, modulus: Tensor) -> Tensor:
        low = modulus.clamp(max=self.knee)
        bend = (modulus - self.knee).clamp(0, (self.a - 1) * self.knee)
        return low + bend - bend.square() / (2 * (self.a - 1) * self.knee)

    def _shrink(self, modulus: Tensor, threshold: Tensor) -> Tensor:
        knee, flat = self.knee, self.a * self.knee
        bend = flat - knee
        first = torch.relu(modulus - threshold).clamp(max=knee)
        convex = threshold < bend
        stationary = (bend * modulus - threshold * flat) / torch.where(convex, bend - threshold, 1.0)
        second = torch.where(convex, stationary.clamp(knee, flat), knee)
        third = modulus.clamp(min=flat)
        candidates = torch.stack(torch.broadcast_tensors(first, second, third))
        energy = (candidates - modulus).square() / 2 + threshold * self._penalty(candidates)
        return candidates.gather(0, energy.argmin(0, keepdim=True)).squeeze(0)

    def _symbol(self) -> str:
        return "SCAD({x})"
