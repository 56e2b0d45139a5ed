r"""One iteration of robust PCA as one pass over memory: read D, read T, write T, 12 bytes an entry in single precision.

The method is Douglas-Rachford splitting, that is over-relaxed ADMM, on one array T = D - L + U, where U = Y / mu is the scaled
multiplier. All else follows from T entry by entry: U = T - Z with Z = prox_{Q / mu}(T), and the matrix whose singular values are
thresholded next is X = D - Z + U = D - T + 2 U. With M = I - V f V^H, L = X V f V^H the thresholding,

    T <- T + a (X - L - U) = T - a U + a X M

(a = 1 is plain ADMM), then U and X again for the Gram matrix X^H X of the next thresholding. A block of rows stays in the cache
from the first of these operations to the last.
"""

import enum
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foreknow.errors import DataError
from foreknow.priors.gram import add_upper_gram, mirror_upper
from foreknow.solve.robust_pca_form import RobustPCAForm
from foreknow.solve.robust_pca_point import RobustPCAPoint
from foreknow.solve.sparse_part import Number

_THIN_COLUMNS = 96  # from where on a product with two thin factors is faster than one with a square matrix


@dataclass(frozen=True)
class Complement:
    """The matrix M = I - V f V^H of a thresholding, f_i = max(1 - threshold / s_i, 0), or its thin factors.

    Attributes:
        full: M, (items, columns, columns); None where the factors are given.
        vectors: V of the kept singular values, (items, columns, rank).
        shrunk: f V^H, (items, rank, columns).
    """

    full: Tensor | None
    vectors: Tensor | None = None
    shrunk: Tensor | None = None

    def add_product(self, x: Tensor, scale: float, out: Tensor) -> Tensor:
        """Out += scale x M."""
        if self.full is not None:
            return out.baddbmm_(x, self.full, alpha=scale)
        assert self.vectors is not None and self.shrunk is not None  # noqa: S101, PT018
        return out.add_(x, alpha=scale).baddbmm_(torch.bmm(x, self.vectors), self.shrunk, alpha=-scale)


@dataclass(frozen=True)
class Sums:
    """What a pass gathers.

    Attributes:
        gram: X^H X, (items, columns, columns), in double precision.
        residual: the norm of U, or of its change in this step, (items,), float64; None where it was not asked for.
        sparse: the norm of Z, or of its change, where it is observed.
    """

    gram: Tensor
    residual: Tensor | None = None
    sparse: Tensor | None = None


class Norms(enum.Enum):
    """What a pass takes the norms of."""

    NOTHING = 0
    SIZES = 1
    CHANGES = 2


def complement(gram: Tensor, threshold: Tensor, dtype: torch.dtype) -> Complement:
    """I - V f V^H for the thresholding of a matrix, from its Gram matrix.

    Args:
        gram: (items, columns, columns), in double precision.
        threshold: (items,), float64.
        dtype: of the products.

    Raises:
        DataError: if the Gram matrix is not finite.
    """
    values, vectors = eigh(gram)
    level = threshold.unsqueeze(-1)
    columns = values.shape[-1]
    if gram.device.type == "cpu" and columns >= _THIN_COLUMNS:
        rank = int((values > level).sum(-1).max())
        if 3 * rank <= columns:
            kept, factors = vectors[..., :rank], (1 - level / values.clamp_min(_TINY)).clamp_min(0)[..., :rank]
            shrunk = factors.unsqueeze(-1) * kept.mH
            return Complement(None, kept.to(dtype).contiguous(), shrunk.to(dtype).contiguous())
    removed = (level / values.clamp_min(_TINY)).clamp_max(1)
    return Complement(((vectors * removed.unsqueeze(-2)) @ vectors.mH).to(dtype))


def eigh(gram: Tensor) -> tuple[Tensor, Tensor]:
    """Singular values, descending, and right singular vectors from a Gram matrix.

    Raises:
        DataError: if it is not finite.
    """
    try:
        squares, vectors = torch.linalg.eigh(gram)
    except RuntimeError as error:  # of the class torch.linalg.LinAlgError
        message = "robust PCA left the finite numbers; scale the data nearer to 1 or use float64"
        raise DataError(message) from error
    return squares.flip(-1).clamp_min(0).sqrt(), vectors.flip(-1)


class Sweep:
    """The passes over the arrays of one problem, with the buffers that they share.

    Args:
        form: the problem.
        data: D, (items, rows, columns).
        double: whether Gram matrices are multiplied in double precision, as small thresholds need.
    """

    def __init__(self, form: RobustPCAForm, data: Tensor, *, double: bool) -> None:
        layout = form.layout
        self.form = form
        self.data = data
        self.double = double
        size = layout.blocks(data)[0].stop if form.part.rowwise else layout.rows
        self.residual, self.matrix, self.spare = (layout.empty(data, size) for _ in range(3))
        self.wide = layout.empty(data, size, _double(data)) if double and data.dtype != _double(data) else None
        self.product = torch.empty(layout.items, layout.columns, layout.columns, dtype=data.dtype, device=data.device)

    def gram(self, point: RobustPCAPoint) -> Tensor:
        """X^H X of a point to begin with."""
        gram = self._zero_gram()
        for rows in point.blocks():
            self._add_gram(gram, point.array[:, rows], point.residual(rows, _head(self.residual, rows)), rows)
        return mirror_upper(gram)

    def iterate(
        self, point: RobustPCAPoint, out: Tensor, following: Tensor, removal: Complement, relaxation: float, norms: Norms
    ) -> tuple[RobustPCAPoint, Sums]:
        """One iteration.

        Args:
            point: T and its penalty.
            out: where the next T goes; may be that of ``point``, which is then overwritten.
            following: the penalty of the next T, (items,), float64.
            removal: the M of X.
            relaxation: a.
            norms: which norms to take on the way.
        """
        part, layout = self.form.part, self.form.layout
        gram = self._zero_gram()
        squares = [torch.zeros(layout.items, dtype=torch.float64, device=out.device) for _ in range(2)]
        step, noise = point.steps()
        ratio = point.penalty / following
        change = None if bool((ratio == 1).all()) else layout.number(ratio - 1, out)
        for rows in point.blocks():
            array, target = point.array[:, rows], out[:, rows]
            residual = part.residual(array, rows, step, noise, _head(self.residual, rows))
            matrix = torch.sub(self.data[:, rows], array, out=_head(self.matrix, rows)).add_(residual, alpha=2)
            before = torch.sub(array, residual, out=_head(self.spare, rows)) if norms is Norms.CHANGES else None  # Z
            torch.add(array, residual, alpha=-relaxation, out=target)
            removal.add_product(matrix, relaxation, target)
            if before is not None:
                residual = self._changes(squares, target, before, residual, rows, step, noise)
            else:
                residual = part.residual(target, rows, step, noise, residual)
            if change is not None:  # T = Z + U with the same Z and the same multiplier mu U
                more = torch.mul(residual, change, out=_head(self.matrix, rows))
                target.add_(more)
                residual.add_(more)
            self._add_gram(gram, target, residual, rows)
            if norms is Norms.SIZES:
                squares[0].add_(self._square_sum(residual))
                sparse = torch.sub(target, residual, out=_head(self.matrix, rows))
                squares[1].add_(self._square_sum(self._observed(sparse, rows)))
        sums = (
            Sums(mirror_upper(gram), squares[0].sqrt(), squares[1].sqrt())
            if norms is not Norms.NOTHING
            else Sums(mirror_upper(gram))
        )
        return replace(point, array=out, penalty=following), sums

    def _changes(
        self, squares: list[Tensor], target: Tensor, before: Tensor, residual: Tensor, rows: slice, step: Number, noise: Number
    ) -> Tensor:
        """Add up the squares of the changes of U and Z; returns the new U."""
        after = self.form.part.residual(target, rows, step, noise, _head(self.matrix, rows))
        squares[0].add_(self._square_sum(residual.sub_(after)))
        squares[1].add_(self._square_sum(self._observed(before.sub_(target).add_(after), rows)))
        return residual.copy_(after)

    def _zero_gram(self) -> Tensor:
        return torch.zeros(self.product.shape, dtype=_double(self.data), device=self.data.device)

    def _add_gram(self, gram: Tensor, array: Tensor, residual: Tensor, rows: slice) -> None:
        matrix = torch.sub(self.data[:, rows], array, out=_head(self.matrix, rows)).add_(residual, alpha=2)
        if self.wide is None:
            add_upper_gram(self.product.zero_(), matrix)
            gram.add_(self.product)
        else:
            add_upper_gram(gram, _head(self.wide, rows).copy_(matrix))

    def _observed(self, sparse: Tensor, rows: slice) -> Tensor:
        mask = self.form.part.mask
        return sparse if mask is None else sparse.mul_(mask[:, rows])

    def _square_sum(self, x: Tensor) -> Tensor:
        """The sum of |x|^2 of each matrix; in double precision where that of single precision may overflow."""
        dtype = _double(x) if self.double else x.dtype
        return torch.linalg.vector_norm(x, dim=(-2, -1), dtype=dtype).to(torch.float64).square()


def _head(buffer: Tensor, rows: slice) -> Tensor:
    return buffer[:, : rows.stop - rows.start]


def _double(x: Tensor) -> torch.dtype:
    return torch.complex128 if x.is_complex() else torch.float64


_TINY = 1e-290
