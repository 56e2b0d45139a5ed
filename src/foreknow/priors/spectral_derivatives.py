r"""First and second derivatives of F(X) = X phi(X^H X), a function of the singular values, in closed form.

With A = X^H X = V s^2 V^H, B[H] = H^H X + X^H H, and the divided differences D of phi (of s^2),

    F'[H] = H phi(A) + X phi'[B[H]],    F''[G, H] = G phi'[B[H]] + H phi'[B[G]] + X (phi'[G^H H + H^H G] + phi''[B[G], B[H]]),

    phi'[B] = V (D_ij b_ij) V^H,    phi''[B, C] = V (sum_k D_ikj (b_ik c_kj + c_ik b_kj)) V^H,    b = V^H B V, c = V^H C V

(Daleckii and Krein 1965; Bhatia 1997, chapter V.3). F is the gradient of a function of the singular values, so that F' is
self-adjoint and <C, F''[G, H]> does not change when C, G and H change places: no other derivative is needed to go backwards.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from foreknow.priors.gram import cross_gram, multiply
from foreknow.priors.shrinkage import Shrinkage


@dataclass(frozen=True)
class SpectralPoint:
    r"""Where F is differentiated.

    Attributes:
        x: X, (\*batch, N, T), tall.
        level: of the shrinkage, (\*batch, 1 or T), float64.
        shrinkage: the function of the singular values.
        values: singular values s, (\*batch, T), float64.
        vectors: V, (\*batch, T, T), float64 or complex128.
    """

    x: Tensor
    level: Tensor
    shrinkage: Shrinkage
    values: Tensor
    vectors: Tensor

    @cached_property
    def multiplier(self) -> Tensor:
        """Phi, (*batch, T)."""
        return self.shrinkage.multiplier(self.values, self.level)

    def inner(self, direction: Tensor) -> Tensor:
        """V^H X^H H V, (*batch, T, T), of a direction H like x."""
        return self.turned(cross_gram(self.x, direction))

    def turned(self, matrix: Tensor) -> Tensor:
        """V^H M V."""
        return self.vectors.mH @ matrix @ self.vectors

    def turned_back(self, matrix: Tensor) -> Tensor:
        """V M V^H."""
        return self.vectors @ matrix @ self.vectors.mH


def first_derivative(point: SpectralPoint, direction: Tensor, inner: Tensor) -> Tensor:
    """F'[H], which is also what a gradient H of the output becomes, (*batch, N, T).

    Args:
        point: where.
        direction: H.
        inner: of H.
    """
    phi, condition = point.multiplier, condition_of(point.values, point.multiplier)
    middle = point.shrinkage.divided_difference(point.values, point.level).to(inner.dtype) * (inner + inner.mH)
    outer = multiply(direction, sandwich(point.vectors, phi), condition if point.shrinkage.exact_small_values else 1.0)
    return outer + multiply(point.x, point.turned_back(middle), condition)


def level_derivative(point: SpectralPoint, inner: Tensor) -> Tensor:
    """<H, dF / d level> of each singular value, (*batch, T)."""
    return point.shrinkage.level_slope(point.values, point.level) * inner.diagonal(dim1=-2, dim2=-1).real


def second_gradient(point: SpectralPoint, gradient: Tensor, of_x: Tensor, of_level: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of <of_x, F'[G]> + of_level <G, dF / d level> with respect to X, the level and G.

    Args:
        point: where.
        gradient: G, like x.
        of_x: like x.
        of_level: like the level, one a matrix.

    Raises:
        UnsupportedError: if the shrinkage has no second derivative in closed form.
    """
    shrinkage, values, level, vectors = point.shrinkage, point.values, point.level, point.vectors
    kind = vectors.dtype
    second = shrinkage.second_divided_difference(values, level).to(kind)
    first = shrinkage.divided_difference(values, level).to(kind)
    slope, slope_first = shrinkage.level_slope(values, level), shrinkage.slope_divided_difference(values, level).to(kind)
    inner_g, inner_c = point.inner(gradient), point.inner(of_x)
    b, c = inner_g + inner_g.mH, inner_c + inner_c.mH

    product = torch.einsum("...ikj,...ik,...kj->...ij", second, b, c)  # D_ikj = D_jki, so that the other term is the adjoint
    mixed = point.turned(cross_gram(gradient, of_x))
    middle = first * (mixed + mixed.mH) + product + product.mH
    weight = of_level.unsqueeze(-1)
    by_level = sandwich(vectors, slope)  # of P = dF / d level = X psi(A)
    to_g = point.turned_back(first * c) + weight * by_level
    of_input = (
        multiply(of_x, point.turned_back(first * b), _ALWAYS_DOUBLE)
        + multiply(gradient, to_g, _ALWAYS_DOUBLE)
        + multiply(point.x, point.turned_back(middle + weight * slope_first * b), _ALWAYS_DOUBLE)
    )
    of_gradient = first_derivative(point, of_x, inner_c) + multiply(point.x, weight * by_level, _ALWAYS_DOUBLE)
    along = (slope * mixed.diagonal(dim1=-2, dim2=-1).real).sum(-1) + 0.5 * (slope_first * b * c.mT).sum((-2, -1)).real
    return of_input, along.unsqueeze(-1), of_gradient


def sandwich(vectors: Tensor, diagonal: Tensor) -> Tensor:
    """V diag(d) V^H."""
    return (vectors * diagonal.unsqueeze(-2)) @ vectors.mH


def condition_of(values: Tensor, phi: Tensor) -> float:
    """The largest singular value over the smallest one that is kept."""
    smallest = torch.where(phi != 0, values, values[..., :1]).amin(-1)
    return float((values[..., 0] / smallest.clamp_min(_TINY)).max()) if values.numel() else 1.0


_ALWAYS_DOUBLE = float("inf")
_TINY = 1e-290
