"""Matrices on ensembles: the symmetric inverse square root with a bounded derivative, and mean-preserving rotations."""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from foreknow.simulate.assimilation.covariance import noise


class _InverseSquareRoot(torch.autograd.Function):
    """C^-1/2 of positive definite C; the backward pass needs no difference of eigenvalues, so equal ones do no harm.

    The derivative of a matrix function in the eigenbasis is multiplied by (f(a) - f(b)) / (a - b) (Daleckii and Krein 1965), which
    for f(a) = a^-1/2 is -1 / (sqrt(a b) (sqrt a + sqrt b)).
    """

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:  # noqa: ANN401
        values, vectors = torch.linalg.eigh(matrix)
        roots = values.clamp_min(torch.finfo(values.dtype).tiny).sqrt()
        ctx.save_for_backward(roots, vectors)
        return (vectors / roots.unsqueeze(-2)) @ vectors.mT

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ANN401
        roots, vectors = ctx.saved_tensors
        symmetric = (gradient + gradient.mT) / 2
        one, other = roots.unsqueeze(-1), roots.unsqueeze(-2)
        kernel = -1 / (one * other * (one + other))
        return vectors @ (kernel * (vectors.mT @ symmetric @ vectors)) @ vectors.mT


def inverse_square_root(matrix: Tensor) -> Tensor:
    r"""C^-1/2, symmetric, of symmetric positive definite matrices (\*batch, N, N)."""
    root: Tensor = _InverseSquareRoot.apply(matrix)  # type: ignore[no-untyped-call]
    return root


def random_rotation(batch: tuple[int, ...], members: int, like: Tensor, generator: torch.Generator) -> Tensor:
    r"""Random orthogonal maps of anomalies that leave their mean zero, (\*batch, N, N) (Sakov and Oke 2008, section 3).

    Uniform on the orthogonal group of the N - 1 directions that are orthogonal to (1, ..., 1); those anomalies have none of the
    other.
    """
    basis = _complement(members, like.dtype, like.device)
    q, r = torch.linalg.qr(noise((*batch, members - 1, members - 1), like, generator))
    signs = r.diagonal(dim1=-2, dim2=-1).sign()
    return basis @ (q * signs.unsqueeze(-2)) @ basis.T


@lru_cache(maxsize=64)
def _complement(members: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """An orthonormal basis of the vectors that sum to zero, (N, N - 1): columns of a Householder reflection."""
    normal = torch.full((members,), -1.0, dtype=torch.float64) / members**0.5
    normal[0] += 1
    normal = normal / torch.linalg.vector_norm(normal)
    reflection = torch.eye(members, dtype=torch.float64) - 2 * torch.outer(normal, normal)
    return reflection[:, 1:].to(device=device, dtype=dtype)
