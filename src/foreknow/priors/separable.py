"""The same prior on every slice."""

from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.operators.base import LinearOperator
from foreknow.priors.base import Prior
from foreknow.shapes import sum_event


class Separable(Prior):
    """The sum of R over further axes: made by ``prior.over(event_dims)``; one nuclear norm a channel, perhaps one weight a channel.

    Args:
        prior: R, on the last axes.
        event_dims: number of trailing axes that one value is computed over; more than those of R.

    Raises:
        ParameterError: if ``event_dims`` does not exceed that of R.
    """

    weighted = False

    def __init__(self, prior: Prior, event_dims: int) -> None:
        if event_dims <= prior.event_dims:
            message = f"event_dims must exceed the {prior.event_dims} axes of {type(prior).__name__}, not be {event_dims}"
            raise ParameterError(message)
        super().__init__(1.0, event_dims)
        self.prior = prior
        self.extra_dims = event_dims - prior.event_dims
        self.convex = prior.convex
        self.homogeneity = prior.homogeneity
        self.elementwise = prior.elementwise
        self.absolute = prior.absolute
        self.has_value = prior.has_value
        self.has_prox = prior.has_prox

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        return sum_event(self.prior.value(x), self.extra_dims)

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        return self.prior.prox(x, threshold)

    def _subgradient(self, x: Tensor) -> Tensor:
        return self.prior.subgradient(x)

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        return sum_event(self.prior.conjugate(z), self.extra_dims)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        return self.prior.dual_scale(z).amin(dim=tuple(range(-self.extra_dims, 0)))

    def _flat_part(self, z: Tensor) -> Tensor:
        return self.prior.flat_part(z)

    def split(self) -> tuple[Prior | None, tuple[tuple[Prior, LinearOperator], ...]]:
        """The prior itself; for R without a proximal map, give R more event axes instead."""
        direct, composed = self.prior.split()
        if composed:
            return super().split()
        return (None if direct is None else self), ()

    def _scaled(self, factor: float) -> Prior:
        return Separable(factor * self.prior, self.event_dims)

    @property
    def formula(self) -> str:
        """The prior as `print(model)` writes it."""
        return "sum_k " + self.prior.formula.replace("{x}", "{x}_k")
