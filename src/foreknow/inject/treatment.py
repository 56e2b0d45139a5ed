"""How a loss treats the priors that are not smooth."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from foreknow.errors import ParameterError, UnsupportedError
from foreknow.inject.composite import Composite, Term
from foreknow.problem import Coefficients, Problem
from foreknow.shapes import expand_event, squared_norm, sum_event


class Treatment(ABC):
    """Turns the objective at what a network emits into a loss."""

    needs_smooth: bool = False

    @abstractmethod
    def loss(self, composite: Composite, x: Coefficients) -> Tensor:
        """The loss of each item, (*batch,)."""

    def check(self, problem: Problem) -> None:
        """Raise UnsupportedError where the treatment needs a smooth data term and has none."""
        if self.needs_smooth and not problem.noise.smooth:
            message = f"{type(self).__name__} needs a smooth data term; declare Gaussian(sigma) noise instead of Exact()"
            raise UnsupportedError(message)


class Subgradient(Treatment):
    """The objective itself; its gradient is the subgradient of minimum norm.

    The plain way. With a constant learning rate it stalls above the optimum, and what is emitted has no exact zeros.
    """

    def loss(self, composite: Composite, x: Coefficients) -> Tensor:
        """F(x)."""
        return total(_smooth(composite, x) + [term.value() for term in composite.terms(x)])


class Moreau(Treatment):
    """Every prior replaced by its Moreau envelope: smooth, with consistent value and gradient, and biased by its step.

    Args:
        step: of the envelopes, positive.

    Raises:
        ParameterError: if the step is not positive.
    """

    def __init__(self, step: float) -> None:
        if not step > 0:
            message = f"the step of a Moreau envelope must be positive, not {step}"
            raise ParameterError(message)
        self.step = step

    def loss(self, composite: Composite, x: Coefficients) -> Tensor:
        """D + sum of the envelopes."""
        return total(_smooth(composite, x) + [self._envelope(term) for term in composite.terms(x)])

    def _envelope(self, term: Term) -> Tensor:
        return sum_event(term.prior.envelope(term.point, self.step), term.event_dims - term.prior.event_dims)


class ForwardBackwardEnvelope(Treatment):
    r"""F_t(x) = f(x) - t/2 \|grad f(x)\|^2 + env_{t g}(x - t grad f(x)) (Patrinos and Bemporad 2013).

    It is smooth and has the minimisers of F. The objective of what is emitted after one proximal gradient step is never above it,
    so that the loss certifies that.

    Args:
        fraction: of the longest step t = 1 / Lipschitz constant, in (0, 1).

    Raises:
        ParameterError: if the fraction is outside.
    """

    needs_smooth = True

    def __init__(self, fraction: float = 0.95) -> None:
        self.fraction = step_fraction(fraction)

    def loss(self, composite: Composite, x: Coefficients) -> Tensor:
        """The envelope."""
        step, slope = composite.step(self.fraction), composite.slope(x)
        moved = composite.forward_step(x, slope, step)
        value = composite.smooth_value(x)
        for index, part, direction, term in zip(composite.emitted, moved, slope, composite.terms(moved), strict=True):
            dims = composite.problem.component_dims(index)
            envelope = term.prior.envelope(part, composite.problem.expand(step, index))
            value = value + sum_event(envelope, dims - term.prior.event_dims) - step / 2 * squared_norm(direction, dims)
        return value


class ProxAsBackward(Treatment):
    """The objective, with x - prox(x) in place of the gradient of each prior (Sakai 2021): the historical rule, for comparison.

    Value and gradient are not of one function: the gradient is that of the Moreau envelope of step 1.
    """

    def loss(self, composite: Composite, x: Coefficients) -> Tensor:
        """F(x)."""
        priors = [_ProxAsBackward.apply(term.point, term) for term in composite.terms(x)]  # type: ignore[no-untyped-call]
        return total(_smooth(composite, x) + priors)


class _ProxAsBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, point: Tensor, term: Term) -> Tensor:  # noqa: ANN401
        ctx.term = term
        ctx.save_for_backward(point)
        return Term(term.prior, point, term.event_dims).value()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        (point,) = ctx.saved_tensors
        return expand_event(gradient, ctx.term.event_dims) * (point - ctx.term.prior.prox(point)), None


def _smooth(composite: Composite, x: Coefficients) -> list[Tensor]:
    return [composite.smooth_value(x)] if composite.smooth else []


def total(values: list[Tensor]) -> Tensor:
    """The sum."""
    whole = values[0]
    for value in values[1:]:
        whole = whole + value
    return whole


def step_fraction(fraction: float) -> float:
    """The fraction.

    Raises:
        ParameterError: if it is not in (0, 1).
    """
    if not 0 < fraction < 1:
        message = f"the step must be a fraction in (0, 1) of 1 / Lipschitz constant, not {fraction}"
        raise ParameterError(message)
    return fraction
