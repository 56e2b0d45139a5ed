"""The components that a point of robust PCA stands for: the candidate that is certified and returned."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foreknow.solve.algorithm import Iterate
from foreknow.solve.robust_pca_point import RobustPCAPoint
from foreknow.solve.robust_pca_sweep import Complement, complement
from foreknow.solve.sparse_part import SoftThreshold

_SHARES = (1e-2, 1e-3, 1e-4)  # of the threshold: what may stay with the low-rank part, at most, if it can be, and at least


@dataclass(frozen=True)
class RobustPCACandidate:
    """L and S made of L', the thresholding of X = D - Z + Y / mu that comes next.

    - Noisy data: L = L' and S = prox_{v R}(D - L'), the best S for it.
    - Exact data and soft thresholding: S is D - L' where that exceeds a small fraction of the threshold, else 0, and L = D - S. Of
      the residual D - L' most entries are next to nothing and stay with L; the few others would cost far more there than in S. This
      is nearer to the optimum than Z itself, which is shrunk, and hardly less sparse.
    - Exact data and another prior: S = Z and L = D - Z.

    Attributes:
        point: the point.
        removal: the M of X, X M = X - L'.
        share: of the threshold of S, up to which a residual stays with L.
    """

    point: RobustPCAPoint
    removal: Complement
    share: float

    @classmethod
    def of(cls, point: RobustPCAPoint, gram: Tensor, tolerance: float) -> "RobustPCACandidate":
        """The candidate of a point.

        Args:
            point: the point.
            gram: X^H X, (items, columns, columns).
            tolerance: relative gap that is asked for; the smaller, the smaller the entries that S may have.
        """
        removal = complement(gram, point.form.weight / point.penalty, point.data.dtype)
        return cls(point, removal, min(_SHARES[0], max(_SHARES[-1], 10 * tolerance)))

    def sparser(self) -> "tuple[RobustPCACandidate, ...]":
        """Candidates of the same point with fewer entries in S, the sparsest first."""
        return tuple(replace(self, share=share) for share in _SHARES if share > self.share)

    def parts(self, rows: slice, residual: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """S, D - L' (which is the noise and S), and D - L, of a block of rows; the last may share memory with one of the others.

        Args:
            rows: the block.
            residual: Y / mu of the block.
        """
        point = self.point
        part, mask = point.form.part, point.form.part.mask
        data, array = point.data[:, rows], point.array[:, rows]
        matrix = torch.sub(data, array).add_(residual, alpha=2)
        rest = self.removal.add_product(matrix, 1.0, torch.sub(array, residual, alpha=2))  # D - L' = D - X + X M
        step, noise = point.steps()
        if point.form.variance is not None:
            sparse = part.proximal(rest, rows, 0.0, noise)
            sparse = sparse if mask is None else sparse.mul_(mask[:, rows])
            return sparse, rest, rest
        sparse = part.beyond(rest, rows, self.share * step) if isinstance(part, SoftThreshold) else array - residual
        return sparse, rest, sparse if mask is None else torch.where(mask[:, rows], sparse, rest)

    def low_rank(self, rows: slice, removed: Tensor) -> Tensor:
        """L of a block of rows in double precision, of D - L."""
        double = torch.complex128 if removed.is_complex() else torch.float64
        return self.point.data[:, rows].to(double, copy=True).sub_(removed)

    def iterate(self, multiplier: Tensor, known: Tensor | None = None) -> Iterate:
        """The components, and a multiplier as the dual variable of the data term.

        Where nothing was observed S is 0 and L is what the nuclear norm makes of it.

        Args:
            multiplier: (items, rows, columns); its memory is taken over.
            known: S, where it is known and D - L equals it.
        """
        point = self.point
        low_rank = point.form.layout.empty(point.data)
        if known is None:
            sparse = point.form.layout.empty(point.data)
            for rows in point.blocks():
                sparse[:, rows], _, removed = self.parts(rows, point.residual(rows))
                torch.sub(point.data[:, rows], removed, out=low_rank[:, rows])
        else:
            sparse = known
            torch.sub(point.data, sparse, out=low_rank)
        dual = point.form.operator(point.form.layout.event(multiplier.neg_()))
        return Iterate(point.form.coefficients(low_rank, sparse), dual)
