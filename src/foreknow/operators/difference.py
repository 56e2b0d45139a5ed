"""Finite differences: the gradient of a signal, image or volume."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.operators.axes import pad_axis
from foreknow.operators.base import LinearOperator
from foreknow.shapes import Shape, event_axes


class FiniteDifference(LinearOperator):
    r"""Forward differences x[i + 1] - x[i] along each axis: (\*batch, \*shape) -> (\*batch, d, \*shape).

    The norm is exact: along an axis of n samples the largest eigenvalue of D^* D is 4 cos^2(pi / 2n) with Neumann ends and
    4 sin^2(pi floor(n / 2) / n) with periodic ones (the discrete cosine and Fourier bases diagonalise it), and the maxima of the
    axes add, because the bases are separable.

    Args:
        domain: shape of one event, or None for any.
        domain_dims: number of axes of one event; 1 if neither it nor ``domain`` is given.
        boundary: "neumann" (the difference after the last sample is 0) or "periodic" (the first sample follows the last).
        axes: the axes to differentiate along, counted from the end (-1 is the last); all if None.

    Raises:
        ParameterError: if ``boundary`` is unknown or an axis is not one of the event's.
    """

    def __init__(
        self,
        domain: int | Shape | None = None,
        domain_dims: int | None = None,
        boundary: Literal["neumann", "periodic"] = "neumann",
        axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(domain, 1 if domain is None and domain_dims is None else domain_dims)
        if boundary not in {"neumann", "periodic"}:
            message = f"the boundary of finite differences is 'neumann' or 'periodic', not {boundary!r}"
            raise ParameterError(message)
        self.boundary = boundary
        self.axes = event_axes(self.domain_dims) if axes is None else tuple(axes)
        if not self.axes or any(not -self.domain_dims <= axis < 0 for axis in self.axes):
            message = (
                f"the axes of finite differences on {self.domain_dims}-axis events are -{self.domain_dims} to -1, not {self.axes}"
            )
            raise ParameterError(message)
        self.range_dims = self.domain_dims + 1

    def _forward(self, x: Tensor) -> Tensor:
        return torch.stack([self._difference(x, axis) for axis in self.axes], dim=-self.domain_dims - 1)

    def _adjoint(self, y: Tensor) -> Tensor:
        parts = y.unbind(dim=-self.domain_dims - 1)
        total = self._difference_adjoint(parts[0], self.axes[0])
        for part, axis in zip(parts[1:], self.axes[1:], strict=True):
            total = total + self._difference_adjoint(part, axis)
        return total

    def _difference(self, x: Tensor, axis: int) -> Tensor:
        if self.boundary == "periodic":
            return x.roll(-1, axis) - x
        return pad_axis(x.diff(dim=axis), axis, 0, 1)

    def _difference_adjoint(self, y: Tensor, axis: int) -> Tensor:
        if self.boundary == "periodic":
            return y.roll(1, axis) - y
        return -pad_axis(y.narrow(axis, 0, y.shape[axis] - 1), axis, 1, 1).diff(dim=axis)

    def _norm(self) -> Tensor:
        return torch.tensor(math.sqrt(sum(self._largest_eigenvalue(self.domain[axis]) for axis in self.axes)), dtype=torch.float64)

    def _largest_eigenvalue(self, size: int) -> float:
        if self.boundary == "periodic":
            return 4 * math.sin(math.pi * (size // 2) / size) ** 2
        return 4 * math.cos(math.pi / (2 * size)) ** 2

    def _range_shape(self, domain: Shape) -> Shape:
        return (len(self.axes), *domain)

    def _domain_shape(self, range_shape: Shape) -> Shape:
        domain = range_shape[1:]
        if range_shape[0] != len(self.axes):
            return super()._domain_shape(range_shape)  # raises with the shapes
        return domain

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"{super().extra_repr()}, boundary={self.boundary!r}, axes={self.axes}"
