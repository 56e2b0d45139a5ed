"""Accelerated proximal gradient, with restart and steps that find themselves."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foreknow.parameters import Bounded
from foreknow.problem import Coefficients, Problem
from foreknow.solve.algorithm import Algorithm, Iterate
from foreknow.solve.blocks import add, dot, select
from foreknow.solve.forward_backward import require_smooth
from foreknow.solve.step_rule import Backtracking, Curvature, NormStep, StepRule


@dataclass(frozen=True)
class FISTAState:
    """Coefficients x and the extrapolated point, their signals A x, the momentum number t (*batch,), and the steps' curvature."""

    coefficients: Coefficients
    extrapolated: Coefficients
    signal: Tensor
    extrapolated_signal: Tensor
    momentum: Tensor
    curvature: Curvature


class FISTA(Algorithm[FISTAState]):
    """Accelerated proximal gradient (Beck and Teboulle 2009) with gradient restart of each batch item (O'Donoghue and Candes 2015).

    A step costs one A and one A^*: the signal of the extrapolated point follows from those of two iterates. Where steps change, the
    momentum takes their ratio into account (Scheinberg, Goldfarb and Bai 2014).

    Args:
        restart: whether the momentum of an item is dropped when it points uphill.
        step: how long the steps are; `Backtracking` if None, `NormStep` for constant ones from the operator norms.
    """

    def __init__(self, *, restart: bool = True, step: StepRule | None = None) -> None:
        self.restart = restart
        self.step_rule = Backtracking() if step is None else step

    def check(self, problem: Problem) -> None:
        """Needs a smooth data term and a proximal map for every prior."""
        require_smooth(problem, self.name)

    def init(self, problem: Problem, y: Tensor, start: Coefficients) -> FISTAState:
        """Start from ``start`` without momentum."""
        signal = problem.synthesize(start)
        curvature = self.step_rule.initial(problem, y, start, signal)
        return FISTAState(start, start, signal, signal, torch.ones_like(curvature.value), curvature)

    def step(self, problem: Problem, y: Tensor, state: FISTAState) -> FISTAState:
        """A proximal gradient step from the extrapolated point, then extrapolation; an item whose step fails stays where it is."""
        length = 1 / state.curvature.value
        gradient = problem.adjoint(problem.noise.gradient(state.extrapolated_signal, y))
        moved = tuple(
            torch.addcmul(point, problem.expand(length, index).to(part.dtype), part, value=-1)
            for index, (point, part) in enumerate(zip(state.extrapolated, gradient, strict=True))
        )
        new = problem.prox(moved, length)
        signal = problem.synthesize(new)
        taken = add(new, state.extrapolated, -1)
        accepted, curvature = self.step_rule.judge(problem, state.curvature, taken, signal - state.extrapolated_signal)

        change = add(new, state.coefficients, -1)
        momentum = (1 + (1 + 4 * curvature.value / state.curvature.value * state.momentum.square()).sqrt()) / 2
        weight = (state.momentum - 1) / momentum
        if self.restart:
            uphill = dot(problem, taken, change) < 0
            weight = torch.where(uphill, torch.zeros_like(weight), weight)
            momentum = torch.where(uphill, torch.ones_like(momentum), momentum)
        extrapolated = tuple(
            torch.addcmul(point, problem.expand(weight, index).to(part.dtype), part)
            for index, (point, part) in enumerate(zip(new, change, strict=True))
        )
        ahead = problem.expand_data(weight).to(signal.dtype)
        extrapolated_signal = torch.addcmul(signal, ahead, signal - state.signal)
        kept = problem.expand_data(accepted)
        return FISTAState(
            select(problem, accepted, new, state.coefficients),
            select(problem, accepted, extrapolated, state.extrapolated),
            torch.where(kept, signal, state.signal),
            torch.where(kept, extrapolated_signal, state.extrapolated_signal),
            torch.where(accepted, momentum, state.momentum),
            curvature,
        )

    def iterate(self, problem: Problem, y: Tensor, state: FISTAState) -> Iterate:  # noqa: ARG002
        """The coefficients (not the extrapolated point)."""
        return Iterate(state.coefficients)

    def transfer(self, problem: Problem, y: Tensor, state: FISTAState) -> FISTAState:
        """The same coefficients and momentum with the signals and the steps of this problem."""
        signal = problem.synthesize(state.coefficients)
        curvature = self.step_rule.initial(problem, y, state.coefficients, signal)
        extrapolated_signal = problem.synthesize(state.extrapolated)
        return replace(state, signal=signal, extrapolated_signal=extrapolated_signal, curvature=curvature)

    def with_learned_steps(self) -> "FISTA":
        """The fraction of the steps of the operator norms, in (0, 1)."""
        return FISTA(restart=self.restart, step=NormStep(Bounded(_ALMOST_ONE, 0.0, 1.0)))


_ALMOST_ONE = 0.999  # a fraction strictly inside its bound, to learn from
