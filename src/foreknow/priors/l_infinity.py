"""The largest modulus."""

import torch
from torch import Tensor

from foreknow.priors.base import Prior
from foreknow.priors.elementwise import ratio_scale, within, zero_or_infinite
from foreknow.priors.simplex_threshold import simplex_threshold
from foreknow.shapes import event_axes, expand_event, sum_event


class LInfinity(Prior):
    r"""w max_i \|x_i\|: no element stands out; the dual of the L1 norm.

    The proximal map is x less its projection onto the L1 ball of radius step w (Moreau's identity; Parikh and Boyd 2014, section
    6.5), which cuts the moduli at one height. Where several elements are largest, the gradient is shared equally among them, which
    is of minimum norm.

    Args:
        weight: a number, a tensor of shape (\*batch, 1, ..., 1), or a `Parameter`.
        event_dims: number of trailing axes that one value is computed over.
    """

    homogeneity = 1.0
    absolute = True

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:
        return self._per_item(weight) * x.abs().amax(dim=event_axes(self.event_dims))

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        modulus = x.abs()
        total = self._per_item(threshold).unsqueeze(-1)
        height = torch.relu(simplex_threshold(modulus.flatten(-self.event_dims), total)).squeeze(-1)
        return torch.sgn(x) * torch.minimum(modulus, expand_event(height, self.event_dims))

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:
        return zero_or_infinite(within(sum_event(z.abs(), self.event_dims), self._per_item(weight)), z)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:
        return ratio_scale(self._per_item(weight), sum_event(z.abs(), self.event_dims), 0)

    def _symbol(self) -> str:
        return "|{x}|_inf"
