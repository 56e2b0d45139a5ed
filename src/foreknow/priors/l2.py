"""The Euclidean norm of a whole event."""

from torch import Tensor

from foreknow.priors.base import Prior
from foreknow.priors.elementwise import ratio_scale, require_trailing_ones, within, zero_or_infinite
from foreknow.priors.group_l2 import block_soft_threshold, norm_along
from foreknow.shapes import event_axes, sum_event


class L2(Prior):
    r"""w \|x\|_2, not squared: the whole event is there or not.

    The proximal map is block soft thresholding (Parikh and Boyd 2014, section 6.5).

    Args:
        weight: a number, a tensor of shape (\*batch, 1, ..., 1), or a `Parameter`.
        event_dims: number of trailing axes that one value is computed over.
    """

    homogeneity = 1.0
    absolute = True

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:
        return self._per_item(weight) * self._norm(x)

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        require_trailing_ones(threshold, event_axes(self.event_dims), "L2")
        return block_soft_threshold(x, threshold, event_axes(self.event_dims))

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:
        return zero_or_infinite(within(self._norm(z), self._per_item(weight)), z)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:
        return ratio_scale(self._per_item(weight), self._norm(z), 0)

    def _norm(self, x: Tensor) -> Tensor:
        return sum_event(norm_along(x, event_axes(self.event_dims)), self.event_dims)

    def _symbol(self) -> str:
        return "|{x}|_2"
