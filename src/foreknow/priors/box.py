"""Lower and upper bounds."""

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.priors.base import Prior
from foreknow.priors.indicator import Indicator, require_real, rounding_tolerance
from foreknow.shapes import expand_event, squared_norm, sum_event


class Box(Indicator):
    r"""low <= x <= high, element-wise. The test of membership is exact.

    Args:
        low: a number or a tensor that broadcasts against x; may be -infinity.
        high: a number or a tensor that broadcasts against x; may be infinity.
        event_dims: number of trailing axes that one value is computed over.

    Raises:
        ParameterError: if the box is empty or a bound is NaN.
    """

    elementwise = True

    def __init__(self, low: float | Tensor = 0.0, high: float | Tensor = 1.0, event_dims: int = 1) -> None:
        super().__init__(event_dims)
        lower, upper = (torch.as_tensor(bound, dtype=_bound_dtype(bound)).detach() for bound in (low, high))
        if not bool((lower <= upper).all()) or bool((lower == torch.inf).any()) or bool((upper == -torch.inf).any()):
            message = "the box is empty: its lower bound must nowhere exceed the upper one, and neither may be NaN"
            raise ParameterError(message)
        cone = all(bool(((bound == 0) | torch.isinf(bound)).all()) for bound in (lower, upper))
        self.homogeneity = 0.0 if cone else None
        self.low: Tensor
        self.high: Tensor
        self.register_buffer("low", lower)
        self.register_buffer("high", upper)

    def bounds(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """The bounds in the dtype and on the device of ``like``."""
        return self.low.to(like), self.high.to(like)

    def _project(self, x: Tensor) -> Tensor:
        require_real(x, "Box")
        low, high = self.bounds(x)
        return torch.clamp(x, low, high)

    def _contains(self, x: Tensor, tolerance: float) -> Tensor:  # noqa: ARG002
        require_real(x, "Box")
        low, high = self.bounds(x)
        return ((x >= low) & (x <= high)).flatten(-self.event_dims).all(-1)

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        low, high = self.bounds(z)
        flat = self._flat_part(z)  # what points to an infinite bound; rounding, if small, as for the cones of `Indicator`
        small = squared_norm(flat, self.event_dims) <= rounding_tolerance(z) ** 2 * squared_norm(z, self.event_dims)
        z = torch.where(expand_event(small, self.event_dims), z - flat, z)
        return sum_event(torch.where(z > 0, z * high, torch.where(z < 0, z * low, 0.0)), self.event_dims)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:
        return torch.isfinite(self._conjugate(z, weight)).to(z.dtype)

    def _flat_part(self, z: Tensor) -> Tensor:
        low, high = self.bounds(z)
        return torch.clamp(z, torch.where(torch.isinf(low), low, 0.0), torch.where(torch.isinf(high), high, 0.0))

    def _over(self, event_dims: int) -> Prior:
        return self._widened(event_dims)

    def _symbol(self) -> str:
        if self.low.ndim or self.high.ndim:
            return "[low <= {x} <= high]"
        return f"[{float(self.low):g} <= {{x}} <= {float(self.high):g}]"


def _bound_dtype(bound: float | Tensor) -> torch.dtype:
    return bound.dtype if isinstance(bound, Tensor) and bound.is_floating_point() else torch.float64
