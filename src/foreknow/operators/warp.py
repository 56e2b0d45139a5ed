"""Motion: reading an event at displaced positions."""

import itertools
from typing import Literal

import torch
from torch import Tensor

from foreknow.errors import ParameterError, ShapeError
from foreknow.operators.base import LinearOperator, cast_like
from foreknow.shapes import Shape


class Warp(LinearOperator):
    r"""Linear interpolation at displaced positions: y(p) = x(p + displacement(p)), for events of 1 to 3 axes.

    Differentiable in the displacement. The norm is bounded by the root of the largest column sum (Schur's test: all weights are
    non-negative and every row sums to one at most).

    Args:
        displacement: (d, \*shape) in samples, for events of shape (\*shape) with d axes; learnable if an ``nn.Parameter``.
        boundary: what lies outside the event: "zero", or "edge" (the nearest sample).

    Raises:
        ShapeError: if ``displacement`` does not have one row an axis.
        ParameterError: if ``boundary`` is unknown.
    """

    displacement: Tensor

    def __init__(self, displacement: Tensor, boundary: Literal["zero", "edge"] = "zero") -> None:
        dims = displacement.ndim - 1
        if not 1 <= dims <= 3 or displacement.shape[0] != dims:
            message = f"a displacement has the shape (d, *shape) with d = 1 to 3 axes in shape, not {tuple(displacement.shape)}"
            raise ShapeError(message)
        if boundary not in {"zero", "edge"}:
            message = f"the boundary of a warp is 'zero' or 'edge', not {boundary!r}"
            raise ParameterError(message)
        super().__init__(tuple(displacement.shape[1:]))
        self._keep("displacement", displacement)
        self.boundary = boundary

    def _forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(x.ndim - self.domain_dims)
        total = torch.zeros_like(flat)
        for index, weight in self._corners(x):
            total = total + flat.index_select(-1, index) * weight
        return total.reshape(x.shape)

    def _adjoint(self, y: Tensor) -> Tensor:
        flat = y.flatten(y.ndim - self.domain_dims)
        total = torch.zeros_like(flat)
        for index, weight in self._corners(y):
            total = total.index_add(-1, index, flat * weight)
        return total.reshape(y.shape)

    def _corners(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        """For each corner of the cells that the positions lie in: flat index (n,) and weight (n,)."""
        lower, fraction = [], []
        for axis, size in enumerate(self.domain):
            grid = torch.arange(size, dtype=torch.float64, device=x.device)
            grid = grid.reshape((-1,) + (1,) * (self.domain_dims - 1 - axis))
            position = grid + self.displacement[axis].to(torch.float64)
            # Far outside is as good as just outside, and keeps the integers small.
            position = position.clamp(0, size - 1) if self.boundary == "edge" else position.clamp(-1, size)
            lower.append(position.detach().floor())
            fraction.append(position - lower[-1])
        corners = []
        for upper in itertools.product((False, True), repeat=self.domain_dims):
            index = torch.zeros((), dtype=torch.int64, device=x.device)
            weight = torch.ones((), dtype=torch.float64, device=x.device)
            for low, part, high, size in zip(lower, fraction, upper, self.domain, strict=True):
                place = low.to(torch.int64) + int(high)
                inside = (place >= 0) & (place < size)
                weight = weight * torch.where(inside, part if high else 1 - part, torch.zeros_like(part))
                index = index * size + place.clamp(0, size - 1)
            corners.append((index.flatten(), cast_like(weight.flatten(), x)))
        return corners

    def _norm(self) -> Tensor:
        ones = torch.ones(self.domain, dtype=torch.float64, device=self.displacement.device)
        return (self._adjoint(ones).amax() * self._forward(ones).amax()).sqrt()

    def _range_shape(self, domain: Shape) -> Shape:
        if domain != tuple(self.displacement.shape[1:]):
            message = f"a displacement of shape {tuple(self.displacement.shape)} does not fit events of shape {domain}"
            raise ShapeError(message)
        return domain

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"{super().extra_repr()}, boundary={self.boundary!r}"
