"""A prior of what an operator makes of x."""

import torch
from torch import Tensor

from foreknow.errors import UnsupportedError
from foreknow.operators.base import LinearOperator
from foreknow.priors.base import Prior
from foreknow.priors.indicator import rounding_tolerance
from foreknow.shapes import expand_event, squared_norm


class Composed(Prior):
    """R(A x): made by ``prior @ operator``; sparse wavelet coefficients are ``L1(0.1) @ wavelet``.

    Where A A^* = c I (``operator.cogram_scale``), the proximal map is x + A^*(prox_{c step R}(A x) - A x) / c (Combettes and
    Pesquet 2007, proposition 11), and the conjugate is that of R at A z / c for z in the range of A^*, else infinite. For all
    other operators there is none: a solver that splits (PDHG, ADMM) takes `split`.

    The value's gradient is A^* of the minimum-norm subgradient of R at A x: a subgradient, not always the one of least norm.

    Args:
        prior: R; with fewer event axes than A gives, it is summed over the others.
        operator: A, bound or declared for any shape.

    Raises:
        ShapeError: if R has more event axes than A gives.
    """

    weighted = False

    def __init__(self, prior: Prior, operator: LinearOperator) -> None:
        super().__init__(1.0, operator.domain_dims)
        self.prior = prior.fitted(operator.range_dims)
        self.operator = operator
        self.convex = prior.convex
        self.homogeneity = prior.homogeneity
        self.has_value = prior.has_value
        self.has_prox = prior.has_prox and operator.cogram_scale is not None

    def _bound(self, x: Tensor) -> LinearOperator:
        return self.operator if self.operator.bound else self.operator.on(tuple(x.shape[x.ndim - self.event_dims :]))

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        return self.prior.value(self._bound(x)(x))

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        scale = self.operator.cogram_scale
        if scale is None or not self.has_prox:
            name = type(self.operator).__name__
            message = f"a prior of {name} x has no closed-form proximal map (A A^* is not c I); PDHG() or ADMM() split it"
            raise UnsupportedError(message)
        operator = self._bound(x)
        step = expand_event(self._per_item(threshold), self.operator.range_dims) if threshold.ndim else threshold
        image = operator(x)
        return x + operator.adjoint(self.prior.prox(image, scale * step) - image) / scale

    def _pull(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The u with A^* u = z, and whether there is one, (*batch,)."""
        scale = self.operator.cogram_scale
        if scale is None:
            message = (
                f"a prior of {type(self.operator).__name__} x has no closed-form conjugate; PDHG() certifies the split problem"
            )
            raise UnsupportedError(message)
        operator = self._bound(z)
        u = operator(z) / scale
        miss = squared_norm(operator.adjoint(u) - z, self.event_dims)
        return u, miss <= rounding_tolerance(z) ** 2 * squared_norm(z, self.event_dims)

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        u, inside = self._pull(z)
        return torch.where(inside, self.prior.conjugate(u), torch.inf)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        u, inside = self._pull(z)
        return torch.where(inside, self.prior.dual_scale(u), 0.0)

    def _flat_part(self, z: Tensor) -> Tensor:
        """The part in the kernel of A; that of R behind A is left to R."""
        scale = self.operator.cogram_scale
        if scale is None:
            return super()._flat_part(z)
        operator = self._bound(z)
        return z - operator.adjoint(operator(z)) / scale

    def split(self) -> tuple[Prior | None, tuple[tuple[Prior, LinearOperator], ...]]:
        """The prior itself where its proximal map is closed form, else R behind A."""
        if self.has_prox:
            return self, ()
        direct, composed = self.prior.split()
        behind = ((direct, self.operator),) if direct is not None else ()
        return None, (*behind, *((prior, operator @ self.operator) for prior, operator in composed))

    def _scaled(self, factor: float) -> Prior:
        return Composed(factor * self.prior, self.operator)

    @property
    def formula(self) -> str:
        """The prior as `print(model)` writes it."""
        return self.prior.formula.replace("{x}", type(self.operator).__name__ + " {x}")
