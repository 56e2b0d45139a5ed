"""Robust principal component analysis: two components that sum to the data exactly, one of them low-rank, one sparse."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import UnsupportedError
from foreknow.noise import Exact
from foreknow.operators import Identity
from foreknow.parameters import Parameter, Positive, number, present
from foreknow.problem import Coefficients, Problem
from foreknow.shapes import squared_norm
from foreknow.solve.algorithm import Algorithm, Iterate


@dataclass(frozen=True)
class RobustPCAState:
    """The two components, the multiplier Y (*batch, *shape), the penalty mu (*batch,), and the step count."""

    first: Tensor
    second: Tensor
    multiplier: Tensor
    penalty: Tensor
    count: int


class RobustPCA(Algorithm[RobustPCAState]):
    """min R_1(L) + R_2(S) subject to L + S = y by the augmented Lagrangian (Lin, Chen and Ma 2010; Candes et al. 2011).

    The first steps are the inexact augmented Lagrangian method: the penalty grows by ``growth`` a step, which comes near fast but
    stalls. Then the penalty is balanced by residuals (Wohlberg 2017), and finally constant: a convergent ADMM that reaches any
    accuracy.

    Args:
        growth: factor of the penalty in the first phase.
        growing: number of steps of the first phase.
        adapt: number of steps up to which the penalty may still be balanced.
    """

    def __init__(self, growth: float = 1.5, growing: int = 12, adapt: int = 400) -> None:
        self.growth: float | Parameter = growth
        self.first_penalty: float | Parameter = 1.0
        self.growing = growing
        self.adapt = adapt

    def check(self, problem: Problem) -> None:
        """Needs exact data and two components without operators, both with proximal maps."""
        if not isinstance(problem.noise, Exact) or len(problem.names) != 2:
            message = "RobustPCA separates exactly two components under the Exact() data term; use ADMM() for other models"
            raise UnsupportedError(message)
        if not all(isinstance(operator, Identity) for operator in problem.linear_operators()):
            message = "RobustPCA takes components without operators (the identity); use ADMM() for components with operators"
            raise UnsupportedError(message)
        problem.require_proximal(self.name)

    def init(self, problem: Problem, y: Tensor, start: Coefficients) -> RobustPCAState:
        """Start from the second component of ``start`` and a penalty of the scale of R_1(y) / |y|^2."""
        energy = squared_norm(y, problem.event_dims).clamp_min(torch.finfo(y.dtype.to_real()).tiny)
        values = torch.stack([problem.prior_value((y, torch.zeros_like(y))), problem.prior_value((torch.zeros_like(y), y))])
        value = torch.where(torch.isfinite(values) & (values > 0), values, torch.inf).amin(dim=0)
        penalty = torch.where(torch.isfinite(value), value / energy, torch.ones_like(energy))
        return RobustPCAState(start[0], start[1], torch.zeros_like(y), number(self.first_penalty, penalty) * penalty, 0)

    def step(self, problem: Problem, y: Tensor, state: RobustPCAState) -> RobustPCAState:
        """L, then S, then the multiplier, then the penalty."""
        first_prior, second_prior = (prior for prior in problem.proximal_priors() if prior is not None)
        inverse = problem.expand_data(1 / state.penalty)
        scaled = inverse * state.multiplier
        first = first_prior.prox(y - state.second + scaled, inverse)
        second = second_prior.prox(y - first + scaled, inverse)
        residual = y - first - second
        multiplier = state.multiplier + problem.expand_data(state.penalty) * residual
        penalty = state.penalty
        if state.count < self.growing:
            penalty = number(self.growth, penalty) * penalty
        elif state.count < self.adapt and state.count % 10 == 9:
            penalty = penalty * _balance(problem, y, state, second, residual, multiplier)
        return RobustPCAState(first, second, multiplier, penalty, state.count + 1)

    def with_learned_steps(self) -> "RobustPCA":
        """The first penalty, relative to the usual one, and its growth in the first phase: the method converges for any of them."""
        clone = copy.copy(self)
        clone.growth = Positive(present(self.growth))
        clone.first_penalty = Positive(1.0)
        return clone

    def iterate(self, problem: Problem, y: Tensor, state: RobustPCAState) -> Iterate:  # noqa: ARG002
        """Both components; the driver moves them onto the constraint. The dual variable is minus the multiplier."""
        return Iterate((state.first, state.second), -state.multiplier)


def _balance(problem: Problem, y: Tensor, state: RobustPCAState, second: Tensor, residual: Tensor, multiplier: Tensor) -> Tensor:
    dims = problem.event_dims
    tiny = torch.finfo(y.dtype.to_real()).tiny
    primal = (squared_norm(residual, dims) / squared_norm(y, dims).clamp_min(tiny)).sqrt()
    change = state.penalty.square() * squared_norm(second - state.second, dims)
    dual = (change / squared_norm(multiplier, dims).clamp_min(tiny)).sqrt()
    factor = (primal / dual.clamp_min(tiny)).sqrt().clamp(0.5, 2.0)
    return torch.where(torch.isfinite(factor), factor, torch.ones_like(factor))
