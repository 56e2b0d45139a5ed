"""Right singular vectors of tall matrices through their small Gram matrix, accumulated in double precision block by block."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from foreknow.errors import DataError

_BLOCK_ELEMENTS = {"cpu": 2**18, "cuda": 2**25}
_GRAM_RESOLUTION = 1e-4  # singular values below this fraction of the largest are found by QR where they must be exact
_SINGLE_PRODUCT_CONDITION = 32.0  # amplification up to which a product in single precision is exact to 1e-6, relative


class RightSingular(NamedTuple):
    """Singular values and right singular vectors of a batch of tall matrices, in double precision."""

    values: Tensor
    """(*batch, T), descending, float64."""
    vectors: Tensor
    """(*batch, T, T), float64 or complex128; column i belongs to value i."""


def cross_gram(x: Tensor, y: Tensor) -> Tensor:
    """The product X^H Y accumulated in double precision over blocks of rows, without a double copy of X or Y.

    Args:
        x: (*batch, N, T), real or complex, of any layout.
        y: (*batch, N, T), of the dtype of x; ``y is x`` gives the Gram matrix.

    Returns:
        (*batch, T, T), float64 or complex128.
    """
    batch, rows, columns = x.shape[:-2], x.shape[-2], x.shape[-1]
    left, right = x.reshape(-1, rows, columns), y.reshape(-1, rows, columns)
    double = _double(x)
    total = torch.zeros(left.shape[0], columns, columns, dtype=double, device=x.device)
    for start, stop in _blocks(left):
        block = left[:, start:stop].to(double)
        if y is x:
            add_upper_gram(total, block)
        else:
            total.baddbmm_(block.mH, right[:, start:stop].to(double))
    if y is x:
        mirror_upper(total)
    return total.reshape(*batch, columns, columns)


def add_upper_gram(total: Tensor, block: Tensor) -> None:
    """Add the Gram matrix X^H X of a block of rows to ``total``, of which only the upper triangle is of meaning then.

    The columns are taken in three groups, of which three of the nine products are left out for symmetry.

    Args:
        total: (items, T, T), of the dtype of the block.
        block: (items, rows, T).
    """
    columns = block.shape[-1]
    group = -(-columns // 24) * 8  # a third, rounded up to whole vector registers
    if columns < 2 * group:
        total.baddbmm_(block.mH, block)
        return
    for start in range(0, columns, group):
        stop = min(start + group, columns)
        total[:, start:stop, start:].baddbmm_(block[..., start:stop].mH, block[..., start:])


def mirror_upper(total: Tensor) -> Tensor:
    """Make Hermitian matrices (items, T, T) of their upper triangles, in place."""
    lower = total.triu(1).mH
    return total.triu_().add_(lower)


def gram(x: Tensor) -> Tensor:
    """The Gram matrix X^H X, (*batch, T, T), in double precision: `cross_gram` of x with itself."""
    return cross_gram(x, x)


def right_singular(x: Tensor, live: Callable[[Tensor], Tensor] | None = None) -> RightSingular:
    """Singular values and right singular vectors of tall matrices, without their left singular vectors.

    The eigenvalues of the Gram matrix resolve singular values down to about 1e-8 of the largest. That is all that single-precision
    data hold. Values for which ``live`` asks and that lie below 1e-4 of the largest are found again by the QR decomposition of X
    and the SVD of its small factor.

    Args:
        x: (*batch, N, T) with N >= T, float32, float64, complex64 or complex128.
        live: tells from the values, (*batch, T), which of them must be exact; none where it is not given.

    Raises:
        DataError: if an entry is NaN or infinite.
    """
    matrix = gram(x)
    if not bool(torch.isfinite(matrix.diagonal(dim1=-2, dim2=-1).real.sum(-1)).all()):
        message = "a matrix whose singular values are needed has entries that are NaN or infinite; check the data or the step size"
        raise DataError(message)
    squares, vectors = torch.linalg.eigh(matrix)
    values = squares.flip(-1).clamp_min(0).sqrt()
    if live is not None and bool((live(values) & (values < _GRAM_RESOLUTION * values[..., :1])).any()):
        factor = torch.linalg.qr(x.to(_double(x)), mode="r").R
        _, values, rows = torch.linalg.svd(factor)
        return RightSingular(values, rows.mH)
    return RightSingular(values, vectors.flip(-1))


def singular_values(x: Tensor) -> Tensor:
    """Singular values of matrices of any shape, (*batch, min(N, T)), descending, float64; not differentiable.

    Those of double-precision data are exact to rounding relative to the largest; those of single-precision data to 1e-8.
    """
    tall = as_tall(x.detach())
    return right_singular(tall, (lambda values: values >= 0) if is_double(x) else None).values


def spectral_norm(x: Tensor) -> Tensor:
    """The largest singular value, (*batch,), float64; not differentiable."""
    return right_singular(as_tall(x.detach())).values[..., 0]


def multiply(x: Tensor, matrix: Tensor, condition: float = 1.0) -> Tensor:
    """The product X W in the dtype and layout of x.

    Args:
        x: (*batch, N, T).
        matrix: (*batch, T, T) in double precision.
        condition: by how much W amplifies X against the result; where it is large the product is made in double precision, by
            blocks of rows.
    """
    if is_double(x) or condition <= _SINGLE_PRODUCT_CONDITION:
        return _matmul(x, matrix.to(x.dtype))
    batch, rows, columns = x.shape[:-2], x.shape[-2], x.shape[-1]
    flat, small = x.reshape(-1, rows, columns), matrix.reshape(-1, columns, columns)
    out = torch.empty_like(flat)
    for start, stop in _blocks(flat):
        out[:, start:stop] = torch.matmul(flat[:, start:stop].to(small.dtype), small)
    return out.reshape(*batch, rows, columns)


def as_tall(x: Tensor) -> Tensor:
    """X, or its plain transpose where it is wider than tall."""
    return x if x.shape[-2] >= x.shape[-1] else x.mT


def is_double(x: Tensor) -> bool:
    """Whether x is float64 or complex128."""
    return x.dtype in {torch.float64, torch.complex128}


def _matmul(x: Tensor, matrix: Tensor) -> Tensor:
    if x.stride(-2) == 1 and x.stride(-1) != 1:  # the transposed view of a wide matrix: keep its layout
        return torch.matmul(matrix.mT, x.mT).mT
    return torch.matmul(x, matrix)


def _double(x: Tensor) -> torch.dtype:
    return torch.complex128 if x.is_complex() else torch.float64


def _blocks(flat: Tensor) -> list[tuple[int, int]]:
    count, rows, columns = flat.shape
    budget = _BLOCK_ELEMENTS.get(flat.device.type, _BLOCK_ELEMENTS["cpu"])
    size = rows if is_double(flat) else max(64, budget // max(1, count * columns))
    return [(start, min(start + size, rows)) for start in range(0, rows, size)]
