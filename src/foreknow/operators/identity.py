"""The identity."""

from torch import Tensor

from foreknow.operators.base import LinearOperator
from foreknow.shapes import Shape


class Identity(LinearOperator):
    r"""The identity, x -> x, on events of any shape.

    Args:
        domain: shape of one event, or None for any.
        domain_dims: number of axes of one event; 1 if neither it nor ``domain`` is given.
    """

    gram_scale = 1.0
    cogram_scale = 1.0

    def __init__(self, domain: int | Shape | None = None, domain_dims: int | None = None) -> None:
        super().__init__(domain, 1 if domain is None and domain_dims is None else domain_dims)

    def _forward(self, x: Tensor) -> Tensor:
        return x

    def _adjoint(self, y: Tensor) -> Tensor:
        return y

    def _range_shape(self, domain: Shape) -> Shape:
        return domain
