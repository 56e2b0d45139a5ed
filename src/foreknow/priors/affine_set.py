"""Linear equations that hold exactly."""

import torch
from torch import Tensor

from foreknow.errors import ParameterError, ShapeError
from foreknow.operators.matrix import Matrix
from foreknow.priors.elementwise import zero_or_infinite
from foreknow.priors.indicator import Indicator, rounding_tolerance
from foreknow.shapes import inner, squared_norm


class AffineSet(Indicator):
    """{x: A x = b}: conservation laws, known sums, exact measurements.

    The projection is x - A^+ (A x - b) (Parikh and Boyd 2014, section 6.2). The pseudo-inverse is computed once, in float64;
    redundant rows are allowed. Events have one axis; for complex x give a complex or real matrix, for real x a real one.

    Args:
        matrix: A, (M, N), a tensor or a `Matrix`.
        offset: b, (M,); None is zero (a subspace).

    Raises:
        ShapeError: if the shapes do not fit.
        ParameterError: if no x satisfies the equations.
    """

    def __init__(self, matrix: Tensor | Matrix, offset: Tensor | None = None) -> None:
        super().__init__(event_dims=1)
        dense = (matrix.matrix if isinstance(matrix, Matrix) else matrix).detach()
        if dense.ndim != 2 or (offset is not None and offset.shape != dense.shape[:1]):
            message = f"an affine set needs a matrix (M, N) and an offset (M,), not {tuple(dense.shape)} and {_shape(offset)}"
            raise ShapeError(message)
        wide = torch.promote_types(dense.dtype, torch.float64)
        dense = dense.to(wide)
        right = torch.zeros_like(dense[:, 0]) if offset is None else offset.detach().to(dense)
        inverse = torch.linalg.pinv(dense)
        nearest = inverse @ right
        if bool(torch.linalg.vector_norm(dense @ nearest - right) > 1e-8 * torch.linalg.vector_norm(right)):
            message = "no x satisfies A x = b: the equations contradict one another"
            raise ParameterError(message)
        self.matrix: Tensor
        self.inverse: Tensor
        self.nearest: Tensor
        self.register_buffer("matrix", dense)
        self.register_buffer("inverse", inverse)
        self.register_buffer("nearest", nearest)
        self.homogeneity = 0.0 if not bool(right.any()) else None

    def _check(self, x: Tensor) -> None:
        super()._check(x)
        if x.shape[-1] != self.matrix.shape[1]:
            message = f"the equations are for {self.matrix.shape[1]} unknowns, not for a tensor of shape {tuple(x.shape)}"
            raise ShapeError(message)

    def _project(self, x: Tensor) -> Tensor:
        return x - self._row_part(x - self.nearest.to(x))

    def _row_part(self, x: Tensor) -> Tensor:
        """The part of x in the row space: A^+ A x."""
        return (x @ self.matrix.to(x).mT) @ self.inverse.to(x).mT

    def _contains(self, x: Tensor, tolerance: float) -> Tensor:
        miss = squared_norm(self._row_part(x - self.nearest.to(x)), 1)
        return miss <= tolerance**2 * (squared_norm(x, 1) + squared_norm(self.nearest.to(x), 1))

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        rest = squared_norm(z - self._row_part(z), 1)
        in_row_space = rest <= rounding_tolerance(z) ** 2 * squared_norm(z, 1)
        return inner(self.nearest.to(z).expand_as(z), z, 1) + zero_or_infinite(in_row_space, z)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:
        return torch.isfinite(self._conjugate(z, weight)).to(z.real.dtype)

    def _flat_part(self, z: Tensor) -> Tensor:
        return z - self._row_part(z)

    def _symbol(self) -> str:
        return "[A {x} = b]"


def _shape(tensor: Tensor | None) -> tuple[int, ...] | None:
    return None if tensor is None else tuple(tensor.shape)
