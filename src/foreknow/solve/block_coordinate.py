"""Block coordinate descent: one component after the other, the others held fixed."""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.problem import Coefficients, Problem
from foreknow.solve.algorithm import Algorithm, Iterate
from foreknow.solve.forward_backward import require_smooth


@dataclass(frozen=True)
class BlockCoordinateState:
    """Coefficients x_i, their signals A_i x_i, and the step of each block, (*batch,)."""

    coefficients: Coefficients
    parts: tuple[Tensor, ...]
    steps: tuple[Tensor, ...]


class BlockCoordinate(Algorithm[BlockCoordinateState]):
    r"""x_i <- prox_{t_i R_i}(x_i - t_i A_i^* grad D(sum_j A_j x_j)) for i = 1, 2, ..., each with the newest of the others.

    One step is a sweep over all components. t_i = 1 / (Lipschitz constant of grad D times \|A_i\|^2) is that of the block alone,
    longer than what a joint gradient step could take. Under Gaussian noise this is the exact minimiser over x_i wherever A_i^* A_i
    = c I (identities, orthonormal transforms, analysis by tight frames): the objective is then |x_i - what is left|^2 c / (2
    sigma^2) + R_i(x_i). For other operators, and other smooth noise, it is one proximal gradient step.

    The objective never rises. For convex priors it converges to the optimum, because what is not smooth is a sum over the blocks
    (Tseng 2001; for the proximal gradient step Beck and Tetruashvili 2013, with a rate of 1 / k). It would not for a prior that
    couples components, which a `Problem` cannot state. For priors that are not convex only the descent is sure (Bolte, Sabach and
    Teboulle 2014 ask for steps a little shorter than these). There is no extrapolation, as it would give up the descent.
    """

    def check(self, problem: Problem) -> None:
        """Needs a smooth data term and a proximal map for every prior."""
        require_smooth(problem, self.name)

    def init(self, problem: Problem, y: Tensor, start: Coefficients) -> BlockCoordinateState:
        """Start from ``start`` with the steps of the operators' norms."""
        ones = torch.ones(problem.batch_shape(y), dtype=y.dtype.to_real(), device=y.device)
        return BlockCoordinateState(start, problem.parts(start), _steps(problem, ones))

    def step(self, problem: Problem, y: Tensor, state: BlockCoordinateState) -> BlockCoordinateState:
        """One sweep."""
        coefficients, parts = list(state.coefficients), list(state.parts)
        operators = problem.linear_operators()
        for index, (operator, prior) in enumerate(zip(operators, problem.proximal_priors(), strict=True)):
            signal = torch.stack(torch.broadcast_tensors(*parts)).sum(dim=0)
            slope = operator.adjoint(problem.noise.gradient(signal, y))
            length = problem.expand(state.steps[index], index)
            moved = coefficients[index] - length * slope
            coefficients[index] = moved if prior is None else prior.prox(moved, length)
            parts[index] = operator(coefficients[index])
        return BlockCoordinateState(tuple(coefficients), tuple(parts), state.steps)

    def iterate(self, problem: Problem, y: Tensor, state: BlockCoordinateState) -> Iterate:  # noqa: ARG002
        """The coefficients."""
        return Iterate(state.coefficients)

    def transfer(self, problem: Problem, y: Tensor, state: BlockCoordinateState) -> BlockCoordinateState:
        """Signals and steps are those of the other problem's operators."""
        return self.init(problem, y, state.coefficients)


def _steps(problem: Problem, ones: Tensor) -> tuple[Tensor, ...]:
    """1 / (Lipschitz constant of the slope along each block), (*batch,); 1 where the operator is 0."""
    lipschitz = problem.noise.lipschitz(problem.event_dims).to(ones)
    found = []
    for operator in problem.linear_operators():
        curvature = ones * lipschitz * operator.norm().square().to(ones)
        found.append(torch.where(curvature > 0, 1 / torch.where(curvature > 0, curvature, 1.0), 1.0))
    return tuple(found)
