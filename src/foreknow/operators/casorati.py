"""Frames to matrix: the layout in which a film of a still background has low rank."""

import math

from torch import Tensor

from foreknow.errors import ShapeError
from foreknow.operators.base import LinearOperator
from foreknow.shapes import Shape


class Casorati(LinearOperator):
    r"""The Casorati matrix of a film, one frame a column: (\*batch, T, \*frame) -> (\*batch, N, T), N the samples of one frame.

    Args:
        domain: (T, \*frame), or None for any.
        domain_dims: number of axes of one film; 3 (T, height, width) if neither it nor ``domain`` is given.

    Raises:
        ShapeError: if a film has fewer than two axes.
    """

    gram_scale = 1.0
    cogram_scale = 1.0

    def __init__(self, domain: Shape | None = None, domain_dims: int | None = None) -> None:
        super().__init__(domain, 3 if domain is None and domain_dims is None else domain_dims)
        if self.domain_dims < 2:
            message = f"a film has the axes (time, *frame), so at least two, not {self.domain_dims}"
            raise ShapeError(message)
        self.range_dims = 2

    def _forward(self, x: Tensor) -> Tensor:
        return x.flatten(x.ndim - self.domain_dims + 1).mT

    def _adjoint(self, y: Tensor) -> Tensor:
        return y.mT.reshape(y.shape[:-2] + self.domain)

    def _range_shape(self, domain: Shape) -> Shape:
        return (math.prod(domain[1:]), domain[0])

    def _domain_shape(self, range_shape: Shape) -> Shape:
        if self.domain_dims == 2:
            return (range_shape[1], range_shape[0])
        return super()._domain_shape(range_shape)
