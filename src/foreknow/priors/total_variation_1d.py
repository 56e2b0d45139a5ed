"""Total variation along one axis: piecewise constant signals."""

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.parameters import Parameter
from foreknow.priors.base import Prior
from foreknow.priors.elementwise import ratio_scale, within, zero_or_infinite
from foreknow.priors.indicator import rounding_tolerance
from foreknow.priors.stretches import stretch_means, total_variation_prox_1d
from foreknow.shapes import sum_event


class TotalVariation1D(Prior):
    r"""w sum_k |x_{k+1} - x_k| along one axis: piecewise constant signals (Rudin, Osher and Fatemi 1992). Real x.

    Nothing here is iterated to a tolerance. The proximal map is exact to rounding, for the whole batch at once, and
    differentiable any number of times (`total_variation_prox_1d`). The gradient of the value is the minimum-norm subgradient,
    constant on each run of equal samples: (sign of the step up to it - sign of the step after it) / length. The conjugate is the
    indicator of {D^* q: \|q\| <= w}, where q is the running sum; its points have the mean 0.

    Args:
        weight: a number, a tensor (\*batch, 1, ..., 1), or a `Parameter`.
        event_dims: number of trailing axes that one value is computed over.
        axis: the axis along which x is piecewise constant, counted from the end: -1 to -event_dims.

    Raises:
        ParameterError: if the axis is not one of the event's.
    """

    homogeneity = 1.0

    def __init__(self, weight: float | Tensor | Parameter = 1.0, event_dims: int = 1, axis: int = -1) -> None:
        super().__init__(weight, event_dims)
        if not -event_dims <= axis <= -1:
            message = f"the axis of total variation counts from the end, -1 to -{event_dims}, not {axis}"
            raise ParameterError(message)
        self.axis = axis

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:
        difference = stretch_means(x.movedim(self.axis, -1)).diff(dim=-1)
        return self._per_item(weight) * sum_event(difference.detach().sign() * difference, self.event_dims)

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        moved = x.movedim(self.axis, -1)
        levels = self._per_item(threshold)
        levels = levels.reshape(levels.shape + (1,) * (self.event_dims - 1)).expand(moved.shape[:-1])
        return total_variation_prox_1d(moved, levels).movedim(-1, self.axis)

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:
        largest, feasible = self._dual_size(z)
        return zero_or_infinite(feasible & within(largest, self._per_item(weight)), z)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:
        largest, feasible = self._dual_size(z)
        return torch.where(feasible, ratio_scale(self._per_item(weight), largest, 0), 0.0)

    def _flat_part(self, z: Tensor) -> Tensor:
        return z.mean(dim=self.axis, keepdim=True).expand_as(z)

    def _dual_size(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The largest |q| for the only q with D^* q = z, and whether there is one: z sums to 0 along the axis."""
        sums = z.movedim(self.axis, -1).cumsum(-1)
        excess = sums[..., -1:].abs().flatten(-self.event_dims).amax(-1)
        size = torch.linalg.vector_norm(z.flatten(-self.event_dims), dim=-1)
        return sums.abs().flatten(-self.event_dims).amax(-1) - excess, excess <= rounding_tolerance(z) * size

    def _symbol(self) -> str:
        return "TV({x})"

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"event_dims={self.event_dims}, axis={self.axis}"
