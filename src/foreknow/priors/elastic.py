"""A prior plus a quadratic: the elastic net and its kin."""

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.operators.base import LinearOperator
from foreknow.priors.base import Prior
from foreknow.priors.quadratic import Quadratic
from foreknow.shapes import inner


class Elastic(Prior):
    r"""R(x) + w/2 \|x - mean\|^2: made by ``prior & Quadratic(w)``; with `L1` the elastic net (Zou and Hastie 2005).

    Its proximal map is that of R at (x + t mean) / (1 + t) with the step over 1 + t, where t = step w (Combettes and Wajs 2005,
    lemma 2.6); its conjugate is finite everywhere if w > 0.
    ``subgradient`` adds those of the parts: of minimum norm where the kinks of R are at 0 and the mean is 0.

    Args:
        prior: R, with a proximal map and a value.
        quadratic: one weight a batch item, unless R is element-wise.

    Raises:
        ParameterError: if the two have different numbers of event axes, or the quadratic weights elements and R does not act on
            each by itself.
    """

    weighted = False

    def __init__(self, prior: Prior, quadratic: Quadratic) -> None:
        if prior.event_dims != quadratic.event_dims:
            message = f"both priors need the same event_dims, not {prior.event_dims} and {quadratic.event_dims}"
            raise ParameterError(message)
        if not (prior.elementwise or quadratic.uniform):
            message = (
                f"a quadratic with one weight an element has no joint proximal map with {type(prior).__name__}; give it one weight"
            )
            raise ParameterError(message)
        super().__init__(1.0, prior.event_dims)
        self.prior = prior
        self.quadratic = quadratic
        self.convex = prior.convex
        self.has_prox = prior.has_prox
        self.elementwise = prior.elementwise
        self.absolute = prior.absolute and quadratic.absolute
        self.homogeneity = quadratic.homogeneity if prior.homogeneity == quadratic.homogeneity else None

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        return self.prior.value(x) + self.quadratic.value(x)

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        shrunk = self.quadratic.prox(x, threshold)
        return self.prior.prox(shrunk, threshold / (1 + threshold * self.quadratic.weight_like(x)))

    def _subgradient(self, x: Tensor) -> Tensor:
        return self.prior.subgradient(x) + self.quadratic.subgradient(x)

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        precision = self.quadratic.weight_like(z)
        if not self.convex or not bool((precision > 0).all()):
            return super()._conjugate(z, precision)
        mean = torch.zeros_like(z) if self.quadratic.mean is None else self.quadratic.mean.to(z)
        maximiser = self.prior.prox(mean + z / precision, 1 / precision)
        return inner(maximiser, z, self.event_dims) - self.value(maximiser)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:
        if not self.convex or not bool((self.quadratic.weight > 0).all()):
            self._conjugate(z, weight)  # raises
        return torch.ones(z.shape[: z.ndim - self.event_dims], dtype=z.real.dtype, device=z.device)

    def _over(self, event_dims: int) -> Prior:
        quadratic = self.quadratic.over(event_dims)
        if isinstance(quadratic, Quadratic):
            return Elastic(self.prior.over(event_dims), quadratic)
        return super()._over(event_dims)

    def split(self) -> tuple[Prior | None, tuple[tuple[Prior, LinearOperator], ...]]:
        """The parts of R, the quadratic with the one that stands before no operator."""
        direct, composed = self.prior.split()
        if not composed:
            return self, ()
        return (self.quadratic if direct is None else Elastic(direct, self.quadratic)), composed

    def _scaled(self, factor: float) -> Prior:
        quadratic = factor * self.quadratic
        assert isinstance(quadratic, Quadratic)  # noqa: S101  (a scaled prior is of its own kind)
        return Elastic(factor * self.prior, quadratic)

    @property
    def formula(self) -> str:
        """The prior as `print(model)` writes it."""
        return f"{self.prior.formula} + {self.quadratic.formula}"
