"""Losses that are distances from better coefficients, computed from those which the network emits and taken as constant."""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.inject.composite import Composite
from foreknow.inject.treatment import Treatment, step_fraction, total
from foreknow.problem import Coefficients, Problem
from foreknow.shapes import squared_norm
from foreknow.solve import ADMM, Algorithm


class Target(Treatment):
    r"""sum_i \|x_i - p_i\|^2 / (2 t_i), p being nearer to the minimum than x.

    The value is of a different target in every step of training and does not have to fall; the objective of what is emitted does.
    """

    @abstractmethod
    def target(self, composite: Composite, x: Coefficients) -> Coefficients:
        """The better coefficients p; called without gradients."""

    @abstractmethod
    def steps(self, composite: Composite) -> tuple[Tensor, ...]:
        """The t_i, each (*batch,) or ()."""

    def loss(self, composite: Composite, x: Coefficients) -> Tensor:
        """The squared distance."""
        with torch.no_grad():
            target = self.target(composite, tuple(part.detach() for part in x))
        dims = [composite.problem.component_dims(index) for index in composite.emitted]
        steps = self.steps(composite)
        return total(
            [squared_norm(part - goal, count) / (2 * step) for part, goal, count, step in zip(x, target, dims, steps, strict=True)]
        )


class ProxTarget(Target):
    """The target is the result of one proximal gradient step from x: fixed points are the minimisers.

    Args:
        fraction: of the longest step t = 1 / Lipschitz constant, in (0, 1].

    Raises:
        ParameterError: if the fraction is outside.
    """

    needs_smooth = True

    def __init__(self, fraction: float = 1.0) -> None:
        self.fraction = fraction if fraction == 1.0 else step_fraction(fraction)

    def target(self, composite: Composite, x: Coefficients) -> Coefficients:
        """The result of the step."""
        return composite.proximal_step(x, composite.step(self.fraction))

    def steps(self, composite: Composite) -> tuple[Tensor, ...]:
        """The same for all."""
        return (composite.step(self.fraction),) * len(composite.emitted)


class BlockTarget(Target):
    """The target of every component is a proximal gradient step of the length that suits it alone, the others as they are.

    Where A_i^* A_i = c I and the noise is Gaussian, that is the component which is best for the others: S from L, and L from S.
    """

    needs_smooth = True

    def target(self, composite: Composite, x: Coefficients) -> Coefficients:
        """The best of each component, given the others."""
        slope, priors, problem = composite.slope(x), composite.problem.declared_priors(), composite.problem
        found = []
        for index, part, direction, step in zip(composite.emitted, x, slope, self.steps(composite), strict=True):
            expanded = problem.expand(step, index)
            found.append(priors[index].prox(part - expanded * direction, expanded))
        return tuple(found)

    def steps(self, composite: Composite) -> tuple[Tensor, ...]:
        """1 / Lipschitz constant of each component alone."""
        return composite.block_steps()


class Teacher(Target):
    """The target is where a classical algorithm gets from x in some steps.

    A splitting method such as ADMM moves away from a minimiser before it comes back to it, as it does not know the dual variables
    that belong to x: with few steps the fixed points are near the minimisers only, so give it enough of them.

    Args:
        algorithm: `foreknow.solve.ADMM` if None; with exact data `foreknow.solve.RobustPCA` is one that can treat them.
        steps: how many.

    Raises:
        ParameterError: if there is no step.
    """

    def __init__(self, algorithm: Algorithm[Any] | None = None, steps: int = 20) -> None:
        if steps < 1:
            message = f"a teacher needs at least one step, not {steps}"
            raise ParameterError(message)
        self.algorithm: Algorithm[Any] = ADMM() if algorithm is None else algorithm
        self.count = steps

    def check(self, problem: Problem) -> None:
        """Raise UnsupportedError where the algorithm cannot treat the model."""
        super().check(problem)
        self.algorithm.check(problem)

    def target(self, composite: Composite, x: Coefficients) -> Coefficients:
        """What the algorithm has after its steps."""
        problem, y = composite.problem, composite.y
        state = self.algorithm.init(problem, y, composite.completed(x))
        for _ in range(self.count):
            state = self.algorithm.step(problem, y, state)
        coefficients = self.algorithm.iterate(problem, y, state).coefficients
        return tuple(coefficients[index] for index in composite.emitted)

    def steps(self, composite: Composite) -> tuple[Tensor, ...]:
        """1 / Lipschitz constant of each component alone; 1 with exact data."""
        return composite.block_steps()
