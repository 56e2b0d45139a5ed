"""How long the steps of a gradient method are: from operator norms, or from the curvature that the iteration meets."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foreknow.errors import ParameterError
from foreknow.parameters import Parameter, as_parameter, number
from foreknow.problem import Coefficients, Problem
from foreknow.shapes import squared_norm
from foreknow.solve.blocks import dot


@dataclass(frozen=True)
class Curvature:
    """What the steps of each batch item are made of, all (*batch,).

    Attributes:
        value: the inverse of the step.
        decay: by which fraction ``value`` is lowered after a step.
        lipschitz: the Lipschitz constant of grad D.
        rounding: what a squared change of the signal, times ``lipschitz``, may be wrong by.
    """

    value: Tensor
    decay: Tensor
    lipschitz: Tensor
    rounding: Tensor


class StepRule(ABC):
    """Chooses the steps of a gradient method for a data term D(A x) with a Lipschitz gradient."""

    @abstractmethod
    def initial(self, problem: Problem, y: Tensor, x: Coefficients, signal: Tensor) -> Curvature:
        """The curvature to begin with, at the coefficients x and the signal A x."""

    @abstractmethod
    def judge(
        self, problem: Problem, curvature: Curvature, change: Coefficients, signal_change: Tensor
    ) -> tuple[Tensor, Curvature]:
        """Whether the step of each batch item may be taken, (*batch,) boolean, and the curvature of the next one.

        Args:
            problem: bound to the shape of the data.
            curvature: that of the step.
            change: what the step changes in the coefficients.
            signal_change: A of that.
        """


class NormStep(StepRule, nn.Module):
    """Steps of 1 / (Lipschitz constant of grad D times the squared norm of A): safe, constant, differentiable in the operators.

    Args:
        fraction: of that step, in (0, 1]; a `Bounded` parameter to be learned.

    Raises:
        ParameterError: if the fraction is outside.
    """

    def __init__(self, fraction: float | Parameter = 1.0) -> None:
        super().__init__()
        self.fraction = as_parameter(fraction)
        if not 0 < float(self.fraction().detach()) <= 1:
            message = f"the steps can be a fraction in (0, 1] of those of the operator norms, not {fraction}"
            raise ParameterError(message)

    def initial(self, problem: Problem, y: Tensor, x: Coefficients, signal: Tensor) -> Curvature:  # noqa: ARG002
        """The bound over the fraction."""
        zeros = torch.zeros(problem.batch_shape(y), dtype=y.dtype.to_real(), device=y.device)
        return Curvature(zeros + norm_curvature(problem, y) / number(self.fraction, zeros), zeros, zeros, zeros)

    def judge(
        self,
        problem: Problem,  # noqa: ARG002
        curvature: Curvature,
        change: Coefficients,  # noqa: ARG002
        signal_change: Tensor,  # noqa: ARG002
    ) -> tuple[Tensor, Curvature]:
        """Yes, and the same."""
        return torch.ones_like(curvature.value, dtype=torch.bool), curvature


class Backtracking(StepRule):
    """Steps as long as the data term allows along the way; no operator norm is asked for.

    A step d with the curvature L is taken if D's Lipschitz constant times |A d|^2 is at most L |d|^2, so that the quadratic model
    of the proximal step bounds the data term there (Beck and Teboulle 2009, section 4). The images A x are known, so that the test
    costs no operator. L is lowered after every step that is taken (Scheinberg, Goldfarb and Bai 2014): along the sparse directions
    of a solution the curvature is often a fraction of the squared norm of A. A step that fails is tried again with L raised to what
    was met, and then L is lowered half as fast, so that steps fail a few times in all.

    Differences at the level of rounding prove nothing: such steps are taken, and L stays.
    """

    def initial(self, problem: Problem, y: Tensor, x: Coefficients, signal: Tensor) -> Curvature:  # noqa: ARG002
        """The curvature along the first gradient."""
        ones = torch.ones(problem.batch_shape(y), dtype=y.dtype.to_real(), device=y.device)
        gradient = problem.adjoint(problem.noise.gradient(signal, y))
        energy = dot(problem, gradient, gradient)
        image = squared_norm(problem.synthesize(gradient), problem.event_dims)
        known = (energy > 0) & (image > 0)
        lipschitz = problem.noise.lipschitz(problem.event_dims).to(ones) * ones
        value = lipschitz * torch.where(known, image / torch.where(known, energy, ones), ones)
        size = squared_norm(y, problem.event_dims) + squared_norm(signal, problem.event_dims)
        rounding = (_ROUNDING * torch.finfo(ones.dtype).eps) ** 2 * lipschitz * size
        return Curvature(value, _DECAY * ones, lipschitz, rounding)

    def judge(
        self, problem: Problem, curvature: Curvature, change: Coefficients, signal_change: Tensor
    ) -> tuple[Tensor, Curvature]:
        """The test above."""
        met = curvature.lipschitz * squared_norm(signal_change, problem.event_dims)
        square = dot(problem, change, change)
        failed = met > (1 + _SLACK) * curvature.value * square + curvature.rounding
        raised = torch.maximum(_RAISE * curvature.value, (1 + _SLACK) * met / square.clamp_min(torch.finfo(square.dtype).tiny))
        lowered = torch.where(met > 4 * curvature.rounding, (1 - curvature.decay) * curvature.value, curvature.value)
        return ~failed, Curvature(
            torch.where(failed, raised, lowered),
            torch.where(failed, curvature.decay / 2, curvature.decay),
            curvature.lipschitz,
            curvature.rounding,
        )


_DECAY, _RAISE, _SLACK, _ROUNDING = 0.1, 1.2, 1e-3, 10.0


def norm_curvature(problem: Problem, y: Tensor) -> Tensor:
    """Lipschitz constant of grad D times the bound of the squared norm of A, () or (*batch,), in the real type of y."""
    curvature = problem.noise.lipschitz(problem.event_dims).to(y.device) * problem.squared_norm_bound().to(y.device)
    return curvature.to(y.dtype.to_real())
