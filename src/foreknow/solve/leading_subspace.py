"""The leading singular values and left singular vectors of a matrix whose columns come one after the other."""

from dataclasses import dataclass

import torch
from torch import Tensor

_ORTHONORMALIZE_EVERY = 64  # columns, before rounding has tilted the basis


@dataclass(frozen=True)
class LeadingSubspace:
    r"""U and s of the best approximation U s V^H of limited rank; V is not kept.

    Attributes:
        basis: U, (\*batch, N, k), orthonormal columns, or zero columns where there are fewer directions.
        values: s, (\*batch, k), float64, descending.
        count: number of columns seen.
    """

    basis: Tensor
    values: Tensor
    count: int

    @classmethod
    def of(cls, matrix: Tensor, rank: int, count: int | None = None) -> "LeadingSubspace":
        """Of the columns of a matrix.

        Args:
            matrix: (*batch, N, n), real or complex; the cost is that of its thin singular value decomposition.
            rank: at most so many directions are kept.
            count: number of columns that the matrix stands for; n if None.
        """
        basis, values, _ = torch.linalg.svd(matrix, full_matrices=False)
        kept = values[..., :rank].to(torch.float64)
        return cls(basis[..., :rank].contiguous(), kept, matrix.shape[-1] if count is None else count)

    def with_column(self, column: Tensor, rank: int, forgetting: float = 1.0) -> "LeadingSubspace":
        """With one more column, by the decomposition of a matrix one larger than the rank (Brand 2002).

        Args:
            column: (*batch, N, 1).
            rank: at most so many directions are kept.
            forgetting: factor of the singular values so far.
        """
        inside = self.basis.mH @ column
        outside = column - self.basis @ inside
        again = self.basis.mH @ outside  # the first projection leaves rounding of the size of the column
        outside = outside - self.basis @ again
        inside = (inside + again).to(torch.promote_types(column.dtype, torch.float64))
        length = torch.linalg.vector_norm(outside, dim=-2, keepdim=True)
        inner = length <= 4 * torch.finfo(column.dtype).eps * torch.linalg.vector_norm(column, dim=-2, keepdim=True)
        direction = torch.where(inner, 0.0, outside / torch.where(inner, 1.0, length))
        corner = torch.where(inner, 0.0, length).to(inside.dtype)

        diagonal = torch.diag_embed((forgetting * self.values).to(inside.dtype))
        lower = torch.cat([torch.zeros_like(inside.mT), corner], dim=-1)
        rotation, values, _ = torch.linalg.svd(torch.cat([torch.cat([diagonal, inside], dim=-1), lower], dim=-2))
        kept = min(rank, values.shape[-1])
        basis = torch.cat([self.basis, direction], dim=-1) @ rotation[..., :kept].to(direction.dtype)
        following = LeadingSubspace(basis, values[..., :kept], self.count + 1)
        return following if following.count % _ORTHONORMALIZE_EVERY else following._orthonormalized()

    def _orthonormalized(self) -> "LeadingSubspace":
        scaled = self.basis * self.values.unsqueeze(-2).to(self.basis.dtype)
        return LeadingSubspace.of(scaled, self.values.shape[-1], self.count)
