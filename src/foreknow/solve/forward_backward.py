"""Forward-backward splitting, for a smooth data term and priors with proximal maps."""

import copy
from dataclasses import dataclass

from torch import Tensor

from foreknow.errors import ParameterError, UnsupportedError
from foreknow.parameters import Bounded, Parameter, number, present
from foreknow.problem import Coefficients, Problem
from foreknow.solve.algorithm import Algorithm, Iterate
from foreknow.solve.step_rule import norm_curvature


@dataclass(frozen=True)
class ForwardBackwardState:
    """Coefficients and the step, () or (*batch,)."""

    coefficients: Coefficients
    step: Tensor


class ForwardBackward(Algorithm[ForwardBackwardState]):
    """Proximal gradient: x <- prox_{step R}(x - step A^* grad D(A x)) (Lions and Mercier 1979; Combettes and Wajs 2005, eq. 3.4).

    Args:
        step_fraction: the step as a fraction of 1 / Lipschitz constant, in (0, 2).
    """

    def __init__(self, step_fraction: float = 1.0) -> None:
        if not 0 < step_fraction < 2:
            message = f"forward-backward converges for step fractions in (0, 2), not {step_fraction}"
            raise ParameterError(message)
        self.step_fraction: float | Parameter = step_fraction

    def check(self, problem: Problem) -> None:
        """Needs a smooth data term and a proximal map for every prior."""
        require_smooth(problem, self.name)

    def init(self, problem: Problem, y: Tensor, start: Coefficients) -> ForwardBackwardState:
        """Start from ``start`` with the step of the operator norms."""
        return ForwardBackwardState(start, self._step(problem, y))

    def _step(self, problem: Problem, y: Tensor) -> Tensor:
        curvature = norm_curvature(problem, y)
        return number(self.step_fraction, curvature) / curvature

    def step(self, problem: Problem, y: Tensor, state: ForwardBackwardState) -> ForwardBackwardState:
        """One gradient step and one proximal step."""
        return ForwardBackwardState(proximal_gradient(problem, y, state.coefficients, state.step), state.step)

    def iterate(self, problem: Problem, y: Tensor, state: ForwardBackwardState) -> Iterate:  # noqa: ARG002
        """The coefficients."""
        return Iterate(state.coefficients)

    def transfer(self, problem: Problem, y: Tensor, state: ForwardBackwardState) -> ForwardBackwardState:
        """The same coefficients with the step of this problem."""
        return ForwardBackwardState(state.coefficients, self._step(problem, y))

    def with_learned_steps(self) -> "ForwardBackward":
        """The fraction of 1 / Lipschitz constant, in (0, 2)."""
        clone = copy.copy(self)
        clone.step_fraction = Bounded(present(self.step_fraction), 0.0, 2.0)
        return clone


def proximal_gradient(problem: Problem, y: Tensor, x: Coefficients, step: Tensor) -> Coefficients:
    """prox_{step R}(x - step A^* grad D(A x))."""
    gradient = problem.adjoint(problem.noise.gradient(problem.synthesize(x), y))
    moved = tuple(
        coefficients - problem.expand(step, index) * part
        for index, (coefficients, part) in enumerate(zip(x, gradient, strict=True))
    )
    return problem.prox(moved, step)


def require_smooth(problem: Problem, algorithm: str) -> None:
    """Check that the data term is smooth and that every prior has a proximal map.

    Raises:
        UnsupportedError: naming what is in the way.
    """
    if not problem.noise.smooth:
        message = f"{algorithm} needs a smooth data term, which {type(problem.noise).__name__} is not; use PDHG() or ADMM()"
        raise UnsupportedError(message)
    problem.require_proximal(algorithm)
