"""The nuclear norm: low rank."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from foreknow.errors import ParameterError
from foreknow.parameters import Parameter
from foreknow.priors.base import Prior
from foreknow.priors.elementwise import ratio_scale, within, zero_or_infinite
from foreknow.priors.gram import as_tall, is_double, right_singular, spectral_norm
from foreknow.priors.shrinkage import POLAR, PolarShrinkage
from foreknow.priors.singular_value import shrink_singular_values, singular_value_threshold, spectral_map


class NuclearNorm(Prior):
    r"""w \|X\|_*, the sum of the singular values: low rank (Fazel 2002; Recht, Fazel and Parrilo 2010).

    An event of two axes is the matrix. Of more axes, the first (the frames, say) makes the rows and all the others the columns:
    frames (T, H, W) are taken as the T x H W matrix. The proximal map is singular value thresholding (Cai, Candes and Shen 2010,
    theorem 2.1). The gradient of the value is the minimum-norm subgradient U V^H, without the directions whose singular values
    are zero up to the rounding of the data, and zero for the zero matrix. The conjugate is the indicator of the spectral norm
    ball. x may be complex.

    Args:
        weight: a number, a tensor (\*batch, 1, ..., 1), or a `Parameter`.
        event_dims: number of trailing axes of one event, at least 2.

    Raises:
        ParameterError: if ``event_dims`` is below 2.
    """

    homogeneity = 1.0

    def __init__(self, weight: float | Tensor | Parameter = 1.0, event_dims: int = 2) -> None:
        require_matrix(event_dims, "NuclearNorm")
        super().__init__(weight, event_dims)

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:
        return self._per_item(weight) * nuclear_norm(casorati(x, self.event_dims))

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        return singular_value_threshold(casorati(x, self.event_dims), self._per_item(threshold)).reshape(x.shape)

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:
        largest = spectral_norm(casorati(z, self.event_dims)).to(z.real.dtype)
        return zero_or_infinite(within(largest, self._per_item(weight)), z)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:
        return ratio_scale(self._per_item(weight), spectral_norm(casorati(z, self.event_dims)).to(z.real.dtype), 0)

    def _symbol(self) -> str:
        return "|{x}|_*"


def nuclear_norm(x: Tensor, dead: Tensor | None = None) -> Tensor:
    """The sum of the singular values of matrices, whose gradient is U V^H on the directions that are not dead.

    A direction is dead if its singular value is at most 4 eps |X|_F (eps that of the dtype of x): so much the rounding of the
    entries alone can make of an exact zero. Twice differentiable where the rank is constant.

    Args:
        x: (*batch, N, T), tall or wide; float32, float64, complex64 or complex128.
        dead: up to which singular value a direction is dead, (*batch,), where |X|_F is not the measure of rounding.

    Returns:
        (*batch,), real, of the precision of x.

    Raises:
        DataError: if an entry of x is NaN or infinite.
    """
    level = None if dead is None else dead.detach().to(torch.float64).unsqueeze(-1)
    return _NuclearNorm.apply(as_tall(x), level)  # type: ignore[no-untyped-call]


def weighted_singular_values(x: Tensor, weights: Tensor) -> Tensor:
    """sum_i weights_i s_i(X), the singular values from the largest to the smallest; differentiable once.

    Args:
        x: (*batch, N, T), tall or wide.
        weights: real, broadcastable to (*batch, min(N, T)).

    Returns:
        (*batch,), real, of the precision of x.
    """
    return (weights * _SingularValues.apply(as_tall(x))).sum(-1)  # type: ignore[no-untyped-call]


def dead_level(values: Tensor, dtype: torch.dtype) -> Tensor:
    """4 eps |X|_F, the largest singular value that rounding in ``dtype`` can make of an exact zero, (*batch, T) -> (*batch,)."""
    largest = values.amax(-1).clamp_min(1e-290)
    return 4 * torch.finfo(dtype).eps * largest * torch.linalg.vector_norm(values / largest.unsqueeze(-1), dim=-1)


def casorati(x: Tensor, event_dims: int) -> Tensor:
    """An event of two or more axes as the matrix of its first axis against all others, flattened."""
    return x if event_dims == 2 else x.flatten(1 - event_dims)


def require_matrix(event_dims: int, owner: str) -> None:
    """Check that an event has two axes or more.

    Raises:
        ParameterError: if it has fewer.
    """
    if event_dims < 2:
        message = f"{owner} is about matrices, whose events have 2 or more axes, not {event_dims}"
        raise ParameterError(message)


class _NuclearNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, level: Tensor | None) -> Tensor:  # noqa: ANN401
        values, vectors, level = _decompose(x, level)
        ctx.save_for_backward(x, level, values, vectors)
        return torch.where(values > level, values, 0.0).sum(-1).to(x.real.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        x, level, values, vectors = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative is asked for
            return gradient[..., None, None] * shrink_singular_values(x, level, POLAR), None
        return _directions(x, level, values, vectors, gradient.unsqueeze(-1)), None


class _SingularValues(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ANN401
        values, vectors, level = _decompose(x, None)
        ctx.save_for_backward(x, level, values, vectors)
        return values.to(x.real.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ANN401
        x, level, values, vectors = ctx.saved_tensors
        return _directions(x, level, values, vectors, gradient)


def _decompose(x: Tensor, level: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Singular values, right singular vectors and the level up to which a value is dead, (*batch, 1)."""

    def dead(values: Tensor) -> Tensor:
        return dead_level(values, x.dtype).unsqueeze(-1) if level is None else level

    values, vectors = right_singular(x, (lambda values: values > dead(values)) if is_double(x) else None)
    return values, vectors, dead(values)


def _directions(x: Tensor, level: Tensor, values: Tensor, vectors: Tensor, factors: Tensor) -> Tensor:
    """U diag(factors) V^H over the directions that are alive."""
    if not is_double(x) and bool(((values > level) & (values < 1e-4 * values[..., :1])).any()):
        values, vectors = right_singular(x, lambda values: values > level)  # the Gram matrix does not resolve them
    return spectral_map(x, level, _WeightedPolar(factors), values, vectors)


class _WeightedPolar(PolarShrinkage):
    """f(s_i) = factor_i above the level, else 0."""

    def __init__(self, factors: Tensor) -> None:
        self.factors = factors.to(torch.float64)

    def multiplier(self, values: Tensor, level: Tensor) -> Tensor:
        """A factor / s above the level, else 0."""
        return super().multiplier(values, level) * self.factors
