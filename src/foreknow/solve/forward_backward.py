"""Forward-backward splitting and its accelerated form, for a smooth data term and priors with proximal maps."""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import ParameterError, UnsupportedError
from foreknow.problem import Coefficients, Problem
from foreknow.solve.algorithm import Algorithm, Iterate
from foreknow.solve.blocks import add, dot, scale_items, select


@dataclass(frozen=True)
class ForwardBackwardState:
    """Coefficients and the step, () or (*batch,)."""

    coefficients: Coefficients
    step: Tensor


@dataclass(frozen=True)
class FISTAState:
    """Coefficients, the extrapolated point, the momentum number t (*batch,), and the step."""

    coefficients: Coefficients
    extrapolated: Coefficients
    momentum: Tensor
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
        self.step_fraction = step_fraction

    def check(self, problem: Problem) -> None:
        """Needs a smooth data term and a proximal map for every prior."""
        require_smooth(problem, self.name)

    def init(self, problem: Problem, y: Tensor, start: Coefficients) -> ForwardBackwardState:
        """Start from ``start`` with the step of the operator norms."""
        return ForwardBackwardState(start, self.step_fraction * safe_step(problem, y))

    def step(self, problem: Problem, y: Tensor, state: ForwardBackwardState) -> ForwardBackwardState:
        """One gradient step and one proximal step."""
        return ForwardBackwardState(proximal_gradient(problem, y, state.coefficients, state.step), state.step)

    def iterate(self, problem: Problem, y: Tensor, state: ForwardBackwardState) -> Iterate:  # noqa: ARG002
        """The coefficients."""
        return Iterate(state.coefficients)


class FISTA(Algorithm[FISTAState]):
    """Accelerated proximal gradient (Beck and Teboulle 2009) with gradient restart of each batch item (O'Donoghue and Candes 2015).

    Args:
        restart: whether the momentum of an item is dropped when it points uphill.
    """

    def __init__(self, *, restart: bool = True) -> None:
        self.restart = restart

    def check(self, problem: Problem) -> None:
        """Needs a smooth data term and a proximal map for every prior."""
        require_smooth(problem, self.name)

    def init(self, problem: Problem, y: Tensor, start: Coefficients) -> FISTAState:
        """Start from ``start`` without momentum."""
        momentum = torch.ones(problem.batch_shape(y), dtype=y.dtype.to_real(), device=y.device)
        return FISTAState(start, start, momentum, safe_step(problem, y))

    def step(self, problem: Problem, y: Tensor, state: FISTAState) -> FISTAState:
        """A proximal gradient step from the extrapolated point, then extrapolation."""
        new = proximal_gradient(problem, y, state.extrapolated, state.step)
        change = add(new, state.coefficients, -1)
        momentum = (1 + (1 + 4 * state.momentum.square()).sqrt()) / 2
        extrapolated = add(new, scale_items(problem, (state.momentum - 1) / momentum, change))
        if self.restart:
            uphill = dot(problem, add(state.extrapolated, new, -1), change) > 0
            momentum = torch.where(uphill, torch.ones_like(momentum), momentum)
            extrapolated = select(problem, uphill, new, extrapolated)
        return FISTAState(new, extrapolated, momentum, state.step)

    def iterate(self, problem: Problem, y: Tensor, state: FISTAState) -> Iterate:  # noqa: ARG002
        """The coefficients (not the extrapolated point)."""
        return Iterate(state.coefficients)


def proximal_gradient(problem: Problem, y: Tensor, x: Coefficients, step: Tensor) -> Coefficients:
    """prox_{step R}(x - step A^* grad D(A x))."""
    gradient = problem.adjoint(problem.noise.gradient(problem.synthesize(x), y))
    moved = tuple(
        coefficients - problem.expand(step, index) * part
        for index, (coefficients, part) in enumerate(zip(x, gradient, strict=True))
    )
    return problem.prox(moved, step)


def safe_step(problem: Problem, y: Tensor) -> Tensor:
    """1 / (Lipschitz constant of grad D times the squared norm of A), () or (*batch,)."""
    curvature = problem.noise.lipschitz(problem.event_dims).to(y.device) * problem.squared_norm_bound().to(y.device)
    return (1 / curvature).to(y.dtype.to_real())


def require_smooth(problem: Problem, algorithm: str) -> None:
    """Check that the data term is smooth and that every prior has a proximal map.

    Raises:
        UnsupportedError: naming what is in the way.
    """
    if not problem.noise.smooth:
        message = f"{algorithm} needs a smooth data term, which {type(problem.noise).__name__} is not; use PDHG() or ADMM()"
        raise UnsupportedError(message)
    problem.require_proximal(algorithm)
