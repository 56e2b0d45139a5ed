r"""Functions of the singular values of a matrix, X = U s V^H -> U f(s) V^H, with the bounded closed-form derivative.

Everything is computed as X V phi V^H with phi = f(s) / s, from the T x T Gram matrix of a tall N x T matrix (a wide one is
transposed): two products with X, one small eigendecomposition, no left singular vector. The map is F(X) = X phi(X^H X), so that

    DF[H] = H W + X V (D o (B + B^H)) V^H,   W = V phi V^H,   B = V^H X^H H V,   D_ij = (phi_i - phi_j) / (s_i^2 - s_j^2),

which is self-adjoint and equals U (G- o (A + A^H)/2 + G+ o (A - A^H)/2) V^H + (I - U U^H) H V diag(f/s) V^H with A = U^H H V,
G-_ij = (f_i - f_j) / (s_i - s_j) and G+_ij = (f_i + f_j) / (s_i + s_j). For soft thresholding all these multipliers lie in [0, 1]:
nothing is divided by the gap of two singular values, nor by one below the threshold.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from foreknow.errors import ShapeError
from foreknow.priors.gram import as_tall, is_double, multiply, right_singular
from foreknow.priors.shrinkage import SOFT, Shrinkage
from foreknow.priors.spectral_derivatives import (
    SpectralPoint,
    condition_of,
    first_derivative,
    level_derivative,
    sandwich,
    second_gradient,
)


def shrink_singular_values(x: Tensor, level: float | Tensor, shrinkage: Shrinkage = SOFT) -> Tensor:
    """U f(s) V^H for X = U s V^H.

    Differentiable with respect to x and level; twice for soft thresholding with one level a matrix (elsewhere a second
    differentiation raises an UnsupportedError).

    Args:
        x: (*batch, N, T), tall or wide; float32, float64, complex64 or complex128; any magnitude.
        level: a number, or a real tensor (*batch,) of one level a matrix, or (*batch, min(N, T)) given as one axis more than the
            batch: one level a singular value, from the largest value to the smallest.
        shrinkage: the function of the singular values and what its level means.

    Returns:
        A tensor like x.

    Raises:
        ShapeError: if x is not a matrix, or level does not fit.
        DataError: if an entry of x is NaN or infinite.
    """
    if x.ndim < 2:
        message = f"singular values belong to matrices (*batch, N, T), not to a tensor of shape {tuple(x.shape)}"
        raise ShapeError(message)
    tensor = torch.as_tensor(level, dtype=torch.float64, device=x.device)
    size = min(x.shape[-2:])
    if tensor.ndim <= x.ndim - 2:
        tensor = tensor.unsqueeze(-1)
    elif tensor.ndim != x.ndim - 1 or tensor.shape[-1] not in {1, size}:
        shapes = f"{tuple(x.shape)}, not {tuple(tensor.shape)}"
        message = f"the level must have shape (*batch,) or (*batch, {size}) for matrices of shape {shapes}"
        raise ShapeError(message)
    tall = as_tall(x)
    scale = _extreme_scale(tall)
    if scale is not None:  # float64 data whose squares would overflow or vanish
        out = _Spectral.apply(tall / scale, tensor / scale.squeeze(-1), shrinkage) * scale  # type: ignore[no-untyped-call]
    else:
        out = _Spectral.apply(tall, tensor, shrinkage)  # type: ignore[no-untyped-call]
    return out if tall is x else out.mT


def singular_value_threshold(x: Tensor, threshold: float | Tensor) -> Tensor:
    """Singular value thresholding U max(s - threshold, 0) V^H, the proximal map of the nuclear norm (Cai, Candes and Shen 2010).

    Args:
        x: (*batch, N, T), tall or wide, real or complex, of any magnitude.
        threshold: non-negative; a number or one number a matrix, (*batch,).

    Raises:
        ShapeError: if x is not a matrix.
        DataError: if an entry of x is NaN or infinite.
    """
    return shrink_singular_values(x, threshold, SOFT)


def spectral_map(x: Tensor, level: Tensor, shrinkage: Shrinkage, values: Tensor, vectors: Tensor) -> Tensor:
    """X V phi V^H for a tall x whose right singular values and vectors are known; not differentiable."""
    phi = shrinkage.multiplier(values, level)
    return multiply(x, sandwich(vectors, phi), condition_of(values, phi) if shrinkage.exact_small_values else 1.0)


class _Spectral(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, level: Tensor, shrinkage: Shrinkage) -> Tensor:  # noqa: ANN401
        def live(values: Tensor) -> Tensor:
            return shrinkage.multiplier(values, level) > 0

        values, vectors = right_singular(x, live if is_double(x) or shrinkage.exact_small_values else None)
        ctx.save_for_backward(x, level, values, vectors)
        ctx.shrinkage = shrinkage
        return spectral_map(x, level, shrinkage, values, vectors)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:  # noqa: ANN401
        x, level, values, vectors = ctx.saved_tensors
        point = SpectralPoint(x, level, ctx.shrinkage, values, vectors)
        if torch.is_grad_enabled():  # a second derivative is asked for
            of_x, of_level = _SpectralGradient.apply(x, level, gradient, point)  # type: ignore[no-untyped-call]
        else:
            of_x, of_level = _gradients(point, gradient, ctx.needs_input_grad)
        return of_x, of_level, None


class _SpectralGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, level: Tensor, gradient: Tensor, point: SpectralPoint) -> Any:  # noqa: ANN401
        ctx.save_for_backward(x, level, gradient, point.values, point.vectors)
        ctx.shrinkage = point.shrinkage
        return _gradients(point, gradient, (True, True))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_x: Tensor, of_level: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x, level, gradient, values, vectors = ctx.saved_tensors
        point = SpectralPoint(x, level, ctx.shrinkage, values, vectors)
        of_input, along, of_gradient = second_gradient(point, gradient, of_x, of_level)
        return of_input, along.sum_to_size(level.shape), of_gradient, None


def _gradients(point: SpectralPoint, gradient: Tensor, needed: tuple[bool, ...]) -> tuple[Tensor | None, Tensor | None]:
    """What a gradient of the output becomes, of the matrix and of the level."""
    inner = point.inner(gradient)
    of_x = first_derivative(point, gradient, inner) if needed[0] else None
    of_level = level_derivative(point, inner).sum_to_size(point.level.shape) if needed[1] else None
    return of_x, of_level


def _extreme_scale(x: Tensor) -> Tensor | None:
    """A power of two a matrix, (*batch, 1, 1), where float64 data have squares or cubes outside the range of float64."""
    if not is_double(x) or not x.numel():
        return None
    largest = x.detach().abs().amax(dim=(-2, -1), keepdim=True)
    if not bool(((largest > 1e70) | ((largest < 1e-70) & (largest > 0))).any()):
        return None
    return torch.where((largest > 0) & torch.isfinite(largest), torch.exp2(torch.log2(largest.clamp_min(1e-300)).round()), 1.0)
