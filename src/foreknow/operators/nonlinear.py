"""The contract of a non-linear operator: the map, its derivatives along and against, its linearisation."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from foreknow.errors import ShapeError
from foreknow.operators.base import LinearOperator
from foreknow.operators.derivatives import Derivatives, flat_jacobian
from foreknow.shapes import Shape, as_shape, require_event


class NonlinearOperator(nn.Module, ABC):
    r"""A differentiable map F from events of shape ``domain`` to events of shape ``range``, applied to (\*batch, \*domain).

    A subclass writes ``_forward(x)`` in differentiable torch code for any leading batch axes. A `foreknow.Model` takes it where it
    takes a linear operator; the problem is then solved by `foreknow.solve.ProximalGaussNewton`.

    Args:
        domain: shape of one input event.
        range_shape: shape of one output event.

    Attributes:
        complex_domain: always False.
        complex_range: always False.
    """

    complex_domain: bool = False
    complex_range: bool = False
    gram_scale: float | None = None
    cogram_scale: float | None = None

    def __init__(self, domain: int | Shape, range_shape: int | Shape) -> None:
        super().__init__()
        self.domain = as_shape(domain)
        self.range = as_shape(range_shape)
        self.domain_dims = len(self.domain)
        self.range_dims = len(self.range)

    @abstractmethod
    def _forward(self, x: Tensor) -> Tensor:
        """F(x) for x of shape (*batch, *domain)."""

    def forward(self, x: Tensor) -> Tensor:
        r"""F(x), (\*batch, \*range).

        Args:
            x: (\*batch, \*domain), real.

        Raises:
            ShapeError: if the last axes of x are not ``domain``.
        """
        require_event(x, self.domain, f"the input of {type(self).__name__}")
        return self._forward(x)

    def onto(self, range_shape: int | Shape) -> "NonlinearOperator":
        """The same operator, if it gives events of this shape.

        Raises:
            ShapeError: if it does not.
        """
        shape = as_shape(range_shape)
        if shape != self.range:
            message = f"{type(self).__name__} gives events of shape {self.range}, not {shape}"
            raise ShapeError(message)
        return self

    def jvp(self, x: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
        r"""F(x) and F'(x) direction.

        Args:
            x: (\*batch, \*domain).
            direction: of that shape, or with further leading axes of directions that share x.
        """
        derivatives = Derivatives(self.forward, x.expand(direction.shape))
        return derivatives.value, derivatives.along(direction)

    def vjp(self, x: Tensor, u: Tensor) -> Tensor:
        r"""F'(x)^T u, (\*batch, \*domain), without a graph of its own.

        Args:
            x: (\*batch, \*domain).
            u: (\*batch, \*range).
        """
        return Derivatives(self.forward, x).transpose(u)

    def jacobian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        r"""F(x), (\*batch, \*range), and F'(x) as matrices, (\*batch, size of range, size of domain)."""
        batch = tuple(x.shape[: x.ndim - self.domain_dims])

        def flat(v: Tensor) -> Tensor:
            return self.forward(v.unflatten(-1, self.domain)).flatten(len(v.shape) - 1)

        output, matrix = flat_jacobian(flat, x.flatten(len(batch)))
        return output.unflatten(-1, self.range), matrix

    def linearise(self, x: Tensor) -> LinearOperator:
        r"""F'(x) as a linear operator on tensors of the batch of x; nothing is stored but x."""
        return Tangent(self, x)


class Tangent(LinearOperator):
    """The derivative of a non-linear operator at a point, by automatic differentiation.

    Args:
        operator: F.
        point: (*batch, *domain).
    """

    def __init__(self, operator: NonlinearOperator, point: Tensor) -> None:
        super().__init__(operator.domain)
        self.operator = operator
        self.point: Tensor
        self.register_buffer("point", point.detach())
        self.range_dims = operator.range_dims

    def _forward(self, x: Tensor) -> Tensor:
        point = self.point.to(x).expand(*x.shape[: x.ndim - self.domain_dims], *self.operator.domain)
        output, pull = torch.func.vjp(self.operator.forward, point)[:2]
        return torch.func.vjp(lambda u: pull(u)[0], torch.zeros_like(output))[1](x)[0]

    def _adjoint(self, y: Tensor) -> Tensor:
        point = self.point.to(y).expand(*y.shape[: y.ndim - self.range_dims], *self.operator.domain)
        return torch.func.vjp(self.operator.forward, point)[1](y)[0]

    def _range_shape(self, domain: Shape) -> Shape:
        if domain != self.operator.domain:
            message = f"a derivative is taken on events of shape {self.operator.domain}, not {domain}"
            raise ShapeError(message)
        return self.operator.range


class JacobianMatrix(LinearOperator):
    r"""One matrix a batch item, between events of any shapes.

    Args:
        matrix: (\*batch, size of range, size of domain).
        domain: event shape.
        range_shape: event shape.
    """

    def __init__(self, matrix: Tensor, domain: Shape, range_shape: Shape) -> None:
        super().__init__(domain)
        self._to = as_shape(range_shape)
        self.range_dims = len(self._to)
        self.matrix: Tensor
        self.register_buffer("matrix", matrix)

    def _forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(x.ndim - self.domain_dims).unsqueeze(-1)
        return (self.matrix.to(x) @ flat).squeeze(-1).unflatten(-1, self._to)

    def _adjoint(self, y: Tensor) -> Tensor:
        flat = y.flatten(y.ndim - self.range_dims).unsqueeze(-1)
        return (self.matrix.to(y).mT @ flat).squeeze(-1).unflatten(-1, self.domain)

    def _norm(self) -> Tensor:
        return torch.linalg.matrix_norm(self.matrix, ord=2).amax()

    def _range_shape(self, domain: Shape) -> Shape:
        if domain != self._domain:
            message = f"these matrices take events of shape {self._domain}, not {domain}"
            raise ShapeError(message)
        return self._to
