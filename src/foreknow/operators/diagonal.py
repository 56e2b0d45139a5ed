"""Multiplication of every sample by its own number."""

from torch import Tensor

from foreknow.errors import ShapeError
from foreknow.operators.base import LinearOperator, cast_like
from foreknow.shapes import Shape


class Diagonal(LinearOperator):
    r"""A diagonal matrix, x -> d x.

    Args:
        values: the diagonal d, real or complex, of a shape that broadcasts to ``domain``; learnable if an ``nn.Parameter``.
        domain: shape of one event; that of ``values`` if None.

    Raises:
        ShapeError: if ``values`` do not broadcast to ``domain``.
    """

    values: Tensor

    def __init__(self, values: Tensor, domain: int | Shape | None = None) -> None:
        super().__init__(tuple(values.shape) if domain is None else domain)
        self._keep("values", values)
        self.complex_domain = self.complex_range = values.is_complex()
        self._range_shape(self.domain)

    def _forward(self, x: Tensor) -> Tensor:
        return cast_like(self.values, x) * x

    def _adjoint(self, y: Tensor) -> Tensor:
        return cast_like(self.values, y).conj() * y

    def _norm(self) -> Tensor:
        return self.values.abs().amax()

    def _range_shape(self, domain: Shape) -> Shape:
        require_broadcast(tuple(self.values.shape), domain, "the diagonal")
        return domain


def require_broadcast(shape: Shape, domain: Shape, name: str) -> None:
    """Check that a tensor of shape ``shape`` broadcasts to exactly ``domain``.

    Raises:
        ShapeError: naming both shapes.
    """
    pairs = zip(reversed(shape), reversed(domain), strict=False)
    if len(shape) > len(domain) or any(size not in {1, whole} for size, whole in pairs):
        message = f"{name} has shape {shape}, which does not broadcast to events of shape {domain}"
        raise ShapeError(message)
