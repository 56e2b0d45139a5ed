r"""Functions of the singular values of a matrix, X = U s V^H -> U f(s) V^H, with the bounded closed-form derivative.

Everything is computed as X V phi V^H with phi = f(s) / s, from the T x T Gram matrix of a tall N x T matrix (a wide one is
transposed): two products with X, one small eigendecomposition, no left singular vector. The map is F(X) = X phi(X^H X), so that

    DF[H] = H W + X V (D o (B + B^H)) V^H,   W = V phi V^H,   B = V^H X^H H V,   D_ij = (phi_i - phi_j) / (s_i^2 - s_j^2),

which is self-adjoint and equals U (G- o (A + A^H)/2 + G+ o (A - A^H)/2) V^H + (I - U U^H) H V diag(f/s) V^H with A = U^H H V,
G-_ij = (f_i - f_j) / (s_i - s_j) and G+_ij = (f_i + f_j) / (s_i + s_j). For soft thresholding all these multipliers lie in [0, 1]:
nothing is divided by the gap of two singular values, nor by one below the threshold.
"""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from foreknow.errors import ParameterError, ShapeError
from foreknow.priors.gram import as_tall, cross_gram, is_double, multiply, right_singular


class Shrinkage(ABC):
    r"""A function f of the singular values, given by its multiplier phi = f(s) / s.

    Arguments: ``values`` (\*batch, T) descending and ``level`` broadcastable against it, both float64.

    Attributes:
        exact_small_values: whether small values of single-precision data matter beyond what the Gram matrix resolves.
    """

    exact_small_values: bool = False

    @abstractmethod
    def multiplier(self, values: Tensor, level: Tensor) -> Tensor:
        """The multiplier phi, (*batch, T); zero on the directions that are removed."""

    @abstractmethod
    def divided_difference(self, values: Tensor, level: Tensor) -> Tensor:
        """D_ij = (phi_i - phi_j) / (s_i^2 - s_j^2), (*batch, T, T), with its limit on ties."""

    def level_slope(self, values: Tensor, level: Tensor) -> Tensor:
        """The derivative of phi with respect to the level, (*batch, T); zero unless overridden."""
        return torch.zeros_like(values + level)


class SoftShrinkage(Shrinkage):
    """f(s) = max(s - level, 0); one level, or one a singular value (ascending, so that the order of the values is kept)."""

    def multiplier(self, values: Tensor, level: Tensor) -> Tensor:
        """1 - level / s above the level, else 0; 1 where the level is 0."""
        shrunk = (values - level) / values.clamp_min(_TINY)
        return torch.where(values > level, shrunk, (level == 0).to(values.dtype))

    def divided_difference(self, values: Tensor, level: Tensor) -> Tensor:
        """Bounded by 1 / (2 level^2): no gap between values is divided by, unless their levels differ."""
        high, low = _pairs(values)
        high_level, low_level = _pairs(level.expand_as(values))
        gap, total = high - low, (high + low).clamp_min(_TINY)
        both = low_level / (high * low).clamp_min(_TINY) / total
        differing = (low_level != high_level) & (gap > _TIE * total)
        both = both + torch.where(differing, (low_level - high_level) / (high * gap.clamp_min(_TINY) * total).clamp_min(_TINY), 0.0)
        one = (high - high_level).clamp_min(0) / gap.clamp_min(_TINY) / (high * total).clamp_min(_TINY)
        one = torch.where(gap > _TIE * total, one, 0.0) if level.shape[-1:] == values.shape[-1:] else one
        return torch.where(low > low_level, both, torch.where(high > high_level, one, 0.0))

    def level_slope(self, values: Tensor, level: Tensor) -> Tensor:
        """-1 / s above the level, else 0."""
        return torch.where(values > level, -1.0 / values.clamp_min(_TINY), 0.0)


class HardShrinkage(Shrinkage):
    """f(s) = s above the level, else 0."""

    def multiplier(self, values: Tensor, level: Tensor) -> Tensor:
        """1 above the level, else 0."""
        return (values > level).to(values.dtype)

    def divided_difference(self, values: Tensor, level: Tensor) -> Tensor:
        """Non-zero between a kept and a removed direction only."""
        return _projector_difference(values, values > level)


class LeadingShrinkage(Shrinkage):
    """f keeps the ``rank`` largest singular values and removes the others (Eckart and Young 1936); it has no level."""

    def __init__(self, rank: int) -> None:
        if rank < 0:
            message = f"a rank is a non-negative whole number, not {rank}"
            raise ParameterError(message)
        self.rank = rank

    def _kept(self, values: Tensor) -> Tensor:
        return (torch.arange(values.shape[-1], device=values.device) < self.rank).expand_as(values)

    def multiplier(self, values: Tensor, level: Tensor) -> Tensor:  # noqa: ARG002
        """1 on the leading directions, else 0."""
        return self._kept(values).to(values.dtype)

    def divided_difference(self, values: Tensor, level: Tensor) -> Tensor:  # noqa: ARG002
        """Non-zero between a kept and a removed direction only; taken as 0 where these tie."""
        return _projector_difference(values, self._kept(values))


class PolarShrinkage(Shrinkage):
    """f(s) = 1 above the level, else 0: U V^H, the orthogonal polar factor, without its dead directions."""

    exact_small_values = True

    def multiplier(self, values: Tensor, level: Tensor) -> Tensor:
        """1 / s above the level, else 0."""
        return torch.where(values > level, 1.0 / values.clamp_min(_TINY), 0.0)

    def divided_difference(self, values: Tensor, level: Tensor) -> Tensor:
        """Of perturbations that keep the rank."""
        high, low = _pairs(values)
        both = -1.0 / (high * low * (high + low)).clamp_min(_TINY)
        one = 1.0 / (high**3).clamp_min(_TINY)
        return torch.where(low > level.unsqueeze(-1), both, torch.where(high > level.unsqueeze(-1), one, 0.0))


SOFT = SoftShrinkage()
HARD = HardShrinkage()
POLAR = PolarShrinkage()
_TINY = 1e-290
_TIE = 1e-12


def shrink_singular_values(x: Tensor, level: float | Tensor, shrinkage: Shrinkage = SOFT) -> Tensor:
    """U f(s) V^H for X = U s V^H.

    Differentiable once with respect to x and level (a second differentiation raises a RuntimeError of autograd).

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
    return multiply(x, _sandwich(vectors, phi), _condition(values, phi) if shrinkage.exact_small_values else 1.0)


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
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:  # noqa: ANN401
        x, level, values, vectors = ctx.saved_tensors
        shrinkage: Shrinkage = ctx.shrinkage
        phi = shrinkage.multiplier(values, level)
        product = vectors.mH @ cross_gram(x, gradient) @ vectors
        of_x = of_level = None
        if ctx.needs_input_grad[0]:
            inner = shrinkage.divided_difference(values, level).to(product.dtype) * (product + product.mH)
            condition = _condition(values, phi)
            direct = multiply(gradient, _sandwich(vectors, phi), condition if shrinkage.exact_small_values else 1.0)
            of_x = direct + multiply(x, vectors @ inner @ vectors.mH, condition)
        if ctx.needs_input_grad[1]:
            slope = shrinkage.level_slope(values, level) * product.diagonal(dim1=-2, dim2=-1).real
            of_level = slope.sum_to_size(level.shape)
        return of_x, of_level, None


def _sandwich(vectors: Tensor, diagonal: Tensor) -> Tensor:
    return (vectors * diagonal.unsqueeze(-2)) @ vectors.mH


def _pairs(values: Tensor) -> tuple[Tensor, Tensor]:
    """For each i, j the entry of the smaller and of the larger index: the larger and the smaller of two descending values."""
    index = torch.arange(values.shape[-1], device=values.device)
    return values[..., torch.minimum(index[:, None], index)], values[..., torch.maximum(index[:, None], index)]


def _projector_difference(values: Tensor, kept: Tensor) -> Tensor:
    high, low = _pairs(values)
    first, last = _pairs(kept)
    gap = (high - low) * (high + low)
    return torch.where(first & ~last & (high - low > _TIE * high), 1.0 / gap.clamp_min(_TINY), 0.0)


def _condition(values: Tensor, phi: Tensor) -> float:
    """The largest singular value over the smallest one that is kept."""
    smallest = torch.where(phi != 0, values, values[..., :1]).amin(-1)
    return float((values[..., 0] / smallest.clamp_min(_TINY)).max()) if values.numel() else 1.0


def _extreme_scale(x: Tensor) -> Tensor | None:
    """A power of two a matrix, (*batch, 1, 1), where float64 data have squares or cubes outside the range of float64."""
    if not is_double(x) or not x.numel():
        return None
    largest = x.detach().abs().amax(dim=(-2, -1), keepdim=True)
    if not bool(((largest > 1e70) | ((largest < 1e-70) & (largest > 0))).any()):
        return None
    return torch.where((largest > 0) & torch.isfinite(largest), torch.exp2(torch.log2(largest.clamp_min(1e-300)).round()), 1.0)
