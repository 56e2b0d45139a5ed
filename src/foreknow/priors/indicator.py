"""The contract of the indicator of a set: 0 inside, infinite outside; its proximal map is the projection."""

from abc import abstractmethod

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.priors.base import Prior
from foreknow.priors.elementwise import attached_zero, zero_or_infinite
from foreknow.shapes import squared_norm


class Indicator(Prior):
    """What is certain of x: it lies in a set. The value is 0 in the set and infinite outside; the weight has no meaning and is 1.

    A subclass writes ``_project(x)`` and ``_contains(x, tolerance)``. A set that projection only reaches up to rounding is taken
    with the relative tolerance eps^(3/4) of the dtype (about 2e-12 in float64, 6e-6 in float32), so that a projected point is
    inside. The conjugate is the support function; that of a convex cone (``homogeneity = 0``) is the indicator of the polar
    cone, {z: project(z) = 0} (Moreau 1962). The subgradient inside is 0; outside, where there is none, it is 0 as well.

    Args:
        event_dims: number of trailing axes that one value is computed over.
    """

    weighted = False

    def __init__(self, event_dims: int = 1) -> None:
        super().__init__(1.0, event_dims)

    @abstractmethod
    def _project(self, x: Tensor) -> Tensor:
        """The nearest point of the set."""

    @abstractmethod
    def _contains(self, x: Tensor, tolerance: float) -> Tensor:
        """Whether each batch item is in the set, (*batch,), up to ``tolerance`` relative to its size."""

    def contains(self, x: Tensor) -> Tensor:
        r"""Whether each batch item is in the set up to rounding, (\*batch,)."""
        self._check(x)
        return self._contains(x.detach(), rounding_tolerance(x))

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        return attached_zero(x, self.event_dims) + zero_or_infinite(self.contains(x), x)

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:  # noqa: ARG002
        return self._project(x)

    def _subgradient(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:
        if self.homogeneity != 0 or not self.convex:
            return super()._conjugate(z, weight)
        size = squared_norm(z, self.event_dims)
        polar = squared_norm(self._project(z), self.event_dims) <= rounding_tolerance(z) ** 2 * size
        return zero_or_infinite(polar, z)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:
        if self.homogeneity != 0 or not self.convex:
            self._conjugate(z, weight)  # raises
        return torch.isfinite(self._conjugate(z, weight)).to(z.real.dtype)

    def _flat_part(self, z: Tensor) -> Tensor:
        return self._project(z) if self.homogeneity == 0 and self.convex else torch.zeros_like(z)

    def _scaled(self, factor: float) -> Prior:  # noqa: ARG002
        return self


def rounding_tolerance(x: Tensor) -> float:
    """eps^(3/4): the relative distance at which a point still counts as inside a set."""
    return float(torch.finfo(x.dtype).eps) ** 0.75


def require_real(x: Tensor, owner: str) -> None:
    """Check that ``x`` is real, for sets that need an order.

    Raises:
        ParameterError: if it is complex.
    """
    if x.is_complex():
        message = f"{owner} is about the order of real numbers and has no meaning for complex ones"
        raise ParameterError(message)
