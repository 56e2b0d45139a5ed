"""Finite differences of fields on a regular grid, in 1 to 3 dimensions, with three kinds of boundary."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from foreknow.errors import ParameterError, ShapeError


class Boundary(ABC):
    """Says what lies one sample outside of a grid."""

    @abstractmethod
    def pad(self, field: Tensor, axis: int) -> Tensor:
        """The field with one more sample at both ends of an axis (counted from the end)."""


class Periodic(Boundary):
    """The grid is a ring: the last sample lies before the first."""

    def pad(self, field: Tensor, axis: int) -> Tensor:
        """Samples of the other end."""
        size = field.shape[axis]
        return torch.cat((field.narrow(axis, size - 1, 1), field, field.narrow(axis, 0, 1)), dim=axis)


class Neumann(Boundary):
    """No flux through the wall, which lies half a sample outside: the last sample is repeated."""

    def pad(self, field: Tensor, axis: int) -> Tensor:
        """The outermost samples again."""
        size = field.shape[axis]
        return torch.cat((field.narrow(axis, 0, 1), field, field.narrow(axis, size - 1, 1)), dim=axis)


class Dirichlet(Boundary):
    """A given value one sample outside.

    Args:
        value: of the field there.
    """

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def pad(self, field: Tensor, axis: int) -> Tensor:
        """The value."""
        edge = torch.full_like(field.narrow(axis, 0, 1), self.value)
        return torch.cat((edge, field, edge), dim=axis)


class Grid:
    """A regular grid and the second-order differences on it (LeVeque 2007, chapter 1).

    Args:
        spacing: distance of neighbours along each axis; their number, 1 to 3, is that of the axes.
        boundary: `Periodic` if None.

    Raises:
        ParameterError: if there are no or more than three axes, or a distance is not positive.
    """

    def __init__(self, spacing: tuple[float, ...], boundary: Boundary | None = None) -> None:
        if not 1 <= len(spacing) <= 3 or not all(step > 0 for step in spacing):
            message = f"a grid has 1 to 3 axes with positive distances, not {spacing}"
            raise ParameterError(message)
        self.spacing = tuple(spacing)
        self.boundary = Periodic() if boundary is None else boundary

    @property
    def dims(self) -> int:
        """Number of axes."""
        return len(self.spacing)

    def gradient(self, field: Tensor) -> Tensor:
        r"""Central differences along all axes, (\*batch, dims, \*grid), of a field (\*batch, \*grid)."""
        return torch.stack([self._central(field, axis) for axis in range(self.dims)], dim=field.ndim - self.dims)

    def divergence(self, flow: Tensor) -> Tensor:
        r"""Central differences summed, (\*batch, \*grid), of a flow (\*batch, dims, \*grid).

        Raises:
            ShapeError: if the flow does not have one component an axis.
        """
        parts = self._components(flow)
        total = self._central(parts[0], 0)
        for axis in range(1, self.dims):
            total = total + self._central(parts[axis], axis)
        return total

    def laplacian(self, field: Tensor) -> Tensor:
        r"""The sum of second differences, (\*batch, \*grid)."""
        total: Tensor | None = None
        for axis, step in enumerate(self.spacing):
            before, after = self._neighbours(field, axis)
            part = (before + after - 2 * field) / step**2
            total = part if total is None else total + part
        assert total is not None  # noqa: S101  (a grid has an axis)
        return total

    def advection(self, field: Tensor, velocity: Tensor) -> Tensor:
        r"""Velocity . gradient of the field, by upwind differences of first order (Courant, Isaacson and Rees 1952).

        Args:
            field: (\*batch, \*grid).
            velocity: (\*batch, dims, \*grid), or with axes of size 1.

        Raises:
            ShapeError: if the velocity does not have one component an axis.
        """
        total: Tensor | None = None
        for axis, (step, speed) in enumerate(zip(self.spacing, self._components(velocity), strict=True)):
            before, after = self._neighbours(field, axis)
            part = (speed.clamp_min(0) * (field - before) + speed.clamp_max(0) * (after - field)) / step
            total = part if total is None else total + part
        assert total is not None  # noqa: S101
        return total

    def _neighbours(self, field: Tensor, axis: int) -> tuple[Tensor, Tensor]:
        axis = axis - self.dims
        padded = self.boundary.pad(field, axis)
        size = field.shape[axis]
        return padded.narrow(axis, 0, size), padded.narrow(axis, 2, size)

    def _central(self, field: Tensor, axis: int) -> Tensor:
        before, after = self._neighbours(field, axis)
        return (after - before) / (2 * self.spacing[axis])

    def _components(self, flow: Tensor) -> tuple[Tensor, ...]:
        if flow.ndim <= self.dims or flow.shape[-self.dims - 1] != self.dims:
            message = f"a flow on a grid of {self.dims} axes needs the shape (*batch, {self.dims}, *grid), not {tuple(flow.shape)}"
            raise ShapeError(message)
        return flow.unbind(dim=flow.ndim - self.dims - 1)
