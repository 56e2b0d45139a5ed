"""Robust PCA on the factors of the low-rank part: no singular value decomposition in the loop."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foreknow.errors import ParameterError, ShapeError
from foreknow.parameters import Bounded, Positive
from foreknow.priors.gram import as_tall, right_singular
from foreknow.priors.soft_threshold import soft_threshold


@dataclass(frozen=True)
class LowRankAndSparse:
    r"""What a factorised robust PCA returns.

    Attributes:
        low_rank: U V^T, of rank r exactly, (\*batch, N, T).
        sparse: with exact zeros, (\*batch, N, T).
        left: U, (\*batch, N, r).
        right: V, (\*batch, T, r).
    """

    low_rank: Tensor
    sparse: Tensor
    left: Tensor
    right: Tensor


class FactorisedRobustPCA(nn.Module):
    r"""D = U V^T + S with S sparse and r columns in U and V, by scaled gradient steps (Cai, Liu and Yin 2021).

    Step k sets S = soft(D - U V^T, z_k) and then, with E = U V^T + S - D,

        U <- U - eta_k E V (V^T V)^-1,   V <- V - eta_k E^T U (U^T U)^-1,

    both from the old factors. Learned are the thresholds z_k, relative to the largest modulus of D, and the steps eta_k in (0, 1).
    Untrained, the thresholds fall geometrically, which recovers low-rank matrices with few outliers without any training if the
    number of steps is large enough; training needs fewer. The rank has to be known: a larger one is recovered badly.

    Args:
        rank: r.
        steps: their number K.
        decay: z_{k+1} / z_k to begin with, in (0, 1).
        step_size: eta to begin with, in (0, 1).

    Raises:
        ParameterError: if an argument is outside its range.
    """

    def __init__(self, rank: int, steps: int = 100, decay: float = 0.9, step_size: float = 0.5) -> None:
        super().__init__()
        if rank < 1 or steps < 1 or not 0 < decay < 1 or not 0 < step_size < 1:
            message = "a factorised robust PCA needs rank and steps of at least 1, decay and step size between 0 and 1"
            raise ParameterError(message)
        self.rank = rank
        self.steps = steps
        self.thresholds = Positive(decay ** torch.arange(steps + 1, dtype=torch.float64))
        self.step_sizes = Bounded(torch.full((steps,), step_size, dtype=torch.float64), 0.0, 1.0)

    def forward(self, data: Tensor) -> LowRankAndSparse:
        r"""Separate D.

        Args:
            data: (\*batch, N, T), real.

        Raises:
            ShapeError: if D is no matrix, or smaller than the rank.
        """
        if data.ndim < 2 or min(data.shape[-2:]) < self.rank or data.is_complex():
            message = f"data must be real matrices (*batch, N, T) of at least {self.rank} rows and columns, not {tuple(data.shape)}"
            raise ShapeError(message)
        scale = data.abs().amax(dim=(-2, -1), keepdim=True)
        thresholds, sizes = self.thresholds().to(data), self.step_sizes().to(data)
        left, right = _factors(data - soft_threshold(data, thresholds[0] * scale), self.rank)
        sparse = data
        for threshold, size in zip(thresholds[1:], sizes, strict=True):
            rest = data - left @ right.mT
            sparse = soft_threshold(rest, threshold * scale)
            error = sparse - rest
            moved = left - size * _divided(error @ right, right)
            right = right - size * _divided(error.mT @ left, left)
            left = moved
        return LowRankAndSparse(left @ right.mT, sparse, left, right)


def _factors(x: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """U sqrt(s) and V sqrt(s) of the leading singular values, from the smaller Gram matrix, as constants."""
    tall = as_tall(x)
    values, vectors = right_singular(tall.detach())
    vectors, values = vectors[..., :rank].to(x.dtype), values[..., :rank].to(x.dtype)
    root = values.clamp_min(torch.finfo(x.dtype).tiny).sqrt().unsqueeze(-2)
    narrow = vectors * root
    wide = (tall @ vectors) / root
    return (wide, narrow) if x.shape[-2] >= x.shape[-1] else (narrow, wide)


def _divided(product: Tensor, factor: Tensor) -> Tensor:
    """Product (F^T F)^-1; a ridge at the level of rounding keeps it finite where columns of F vanish."""
    gram = factor.mT @ factor
    ridge = torch.finfo(gram.dtype).eps * gram.diagonal(dim1=-2, dim2=-1).sum(dim=-1) + torch.finfo(gram.dtype).tiny
    gram = gram + ridge[..., None, None] * torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    return torch.linalg.solve(gram, product, left=False)
