"""The mixed norm L2,1: sparsity of whole groups."""

from collections.abc import Sequence

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.parameters import Parameter
from foreknow.priors.base import Prior
from foreknow.priors.elementwise import ratio_scale, require_trailing_ones, within, zero_or_infinite
from foreknow.shapes import squared_norm, sum_event


class GroupL2(Prior):
    r"""w \|x\|_{2,1}: the sum over groups of their Euclidean norms, so that whole groups vanish together (the group lasso).

    A group is what lies along ``axes``; the other event axes number the groups. With all event axes in ``axes`` it is the
    (not squared) Euclidean norm of the event. The proximal map is block soft thresholding (Yuan and Lin 2006; Bach et al. 2012,
    section 3.3). x may be complex.

    Args:
        weight: a number, a tensor that broadcasts against x and has size 1 along ``axes`` (one weight a group), or a `Parameter`.
        axes: the axes of one group, counted from the end: ``-1``, ``(-2, -1)``.
        event_dims: number of trailing axes that one value is computed over.

    Raises:
        ParameterError: if ``axes`` are not among the event's.
    """

    homogeneity = 1.0
    absolute = True

    def __init__(self, weight: float | Tensor | Parameter = 1.0, axes: int | Sequence[int] = -1, event_dims: int = 2) -> None:
        super().__init__(weight, event_dims)
        self.axes = (axes,) if isinstance(axes, int) else tuple(axes)
        if not self.axes or len(set(self.axes)) < len(self.axes) or not all(-event_dims <= axis <= -1 for axis in self.axes):
            message = f"the axes of a group count from the end, -{event_dims} to -1 for {event_dims} event axes, not {axes}"
            raise ParameterError(message)

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:
        require_trailing_ones(weight, self.axes, "GroupL2")
        return sum_event(weight * norm_along(x, self.axes), self.event_dims)

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        require_trailing_ones(threshold, self.axes, "GroupL2")
        return block_soft_threshold(x, threshold, self.axes)

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:
        feasible = within(norm_along(z, self.axes), weight).flatten(-self.event_dims).all(-1)
        return zero_or_infinite(feasible, z)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:
        return ratio_scale(weight, norm_along(z, self.axes), self.event_dims)

    def _symbol(self) -> str:
        return "|{x}|_2,1"

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"axes={self.axes}, event_dims={self.event_dims}"


def norm_along(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The Euclidean norm along ``axes``, which stay with size 1; its gradient at 0 is 0."""
    square = squared_norm(x, 0).sum(dim=axes, keepdim=True)
    positive = square > 0
    return torch.where(positive, torch.where(positive, square, 1.0).sqrt(), square)


def block_soft_threshold(x: Tensor, threshold: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Shorten x along ``axes`` by the threshold: x max(0, 1 - threshold / |x|)."""
    norm = norm_along(x, axes)
    keeps = norm > threshold
    return x * torch.where(keeps, 1 - threshold / torch.where(keeps, norm, 1.0), 0.0 * norm)
