"""A prior around another center."""

from torch import Tensor

from foreknow.operators.base import LinearOperator
from foreknow.priors.base import Prior
from foreknow.shapes import inner


class Translated(Prior):
    """R(x - center): made by ``prior.at(center)``; nearness to a template.

    The proximal map and the conjugate are those of R, moved along (Combettes and Pesquet 2011, table 10.1).

    Args:
        prior: R.
        center: a tensor that broadcasts against x.
    """

    weighted = False

    def __init__(self, prior: Prior, center: Tensor) -> None:
        super().__init__(1.0, prior.event_dims)
        self.prior = prior
        self.center: Tensor
        self.register_buffer("center", center.detach())
        self.convex = prior.convex
        self.elementwise = prior.elementwise
        self.has_value = prior.has_value
        self.has_prox = prior.has_prox

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        return self.prior.value(x - self.center.to(x))

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        center = self.center.to(x)
        return center + self.prior.prox(x - center, threshold)

    def _subgradient(self, x: Tensor) -> Tensor:
        return self.prior.subgradient(x - self.center.to(x))

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        return self.prior.conjugate(z) + inner(self.center.to(z).expand_as(z), z, self.event_dims)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        return self.prior.dual_scale(z)

    def _flat_part(self, z: Tensor) -> Tensor:
        return self.prior.flat_part(z)

    def split(self) -> tuple[Prior | None, tuple[tuple[Prior, LinearOperator], ...]]:
        """The prior itself, or the parts of R around the images of the center."""
        direct, composed = self.prior.split()
        behind = tuple(
            (part.at(operator.on(tuple(self.center.shape[-operator.domain_dims :]))(self.center)), operator)
            for part, operator in composed
        )
        return (None if direct is None else direct.at(self.center)), behind

    def _scaled(self, factor: float) -> Prior:
        return Translated(factor * self.prior, self.center)

    @property
    def formula(self) -> str:
        """The prior as `print(model)` writes it."""
        return self.prior.formula.replace("{x}", "({x} - center)")
