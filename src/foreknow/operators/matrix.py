"""A dense matrix."""

import torch
from torch import Tensor

from foreknow.errors import ShapeError
from foreknow.operators.base import LinearOperator, cast_like
from foreknow.shapes import Shape


class Matrix(LinearOperator):
    r"""A dense matrix, x -> M x, on the last axis.

    Args:
        matrix: (M, N), real or complex; learnable if an ``nn.Parameter``.

    Raises:
        ShapeError: if ``matrix`` does not have two axes.
    """

    matrix: Tensor

    def __init__(self, matrix: Tensor) -> None:
        if matrix.ndim != 2:
            message = f"a matrix has two axes; this tensor has the shape {tuple(matrix.shape)}"
            raise ShapeError(message)
        super().__init__(matrix.shape[1])
        self._keep("matrix", matrix)
        self.complex_domain = self.complex_range = matrix.is_complex()

    def _forward(self, x: Tensor) -> Tensor:
        return _multiply(cast_like(self.matrix, x), x)

    def _adjoint(self, y: Tensor) -> Tensor:
        return _multiply(cast_like(self.matrix, y).mH, y)

    def _norm(self) -> Tensor:
        return torch.linalg.matrix_norm(self.matrix, 2)

    def _range_shape(self, domain: Shape) -> Shape:
        if domain != (self.matrix.shape[1],):
            message = f"a matrix of shape {tuple(self.matrix.shape)} takes events of shape ({self.matrix.shape[1]},), not {domain}"
            raise ShapeError(message)
        return (self.matrix.shape[0],)


def _multiply(matrix: Tensor, x: Tensor) -> Tensor:
    """M x on the last axis of x, where one of the two may be complex and the other real."""
    dtype = torch.promote_types(matrix.dtype, x.dtype)
    return x.to(dtype) @ matrix.to(dtype).mT
