"""The alternating direction method of multipliers, with a penalty that finds itself."""

import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foreknow.errors import ParameterError, UnsupportedError
from foreknow.parameters import Bounded, Parameter, number, present
from foreknow.problem import Coefficients, Problem
from foreknow.solve.algorithm import Algorithm, Iterate
from foreknow.solve.least_squares import LeastSquares, least_squares
from foreknow.solve.penalty import BalancedPenalty, LearnedPenalty, Move, PenaltyRule
from foreknow.solve.splitting import Blocks, block_dims, image, proximal, scale_blocks, splits_data


@dataclass(frozen=True)
class ADMMState:
    """Coefficients x; split variables w_b and scaled dual variables d_b, one a block; penalty (*batch,); step count; x step."""

    coefficients: Coefficients
    split: Blocks
    dual: Blocks
    penalty: Tensor
    count: int
    least_squares: LeastSquares


class ADMM(Algorithm[ADMMState]):
    """ADMM in scaled form (Boyd et al. 2011, section 3.1.1): min q(x) + sum_b f_b(w_b) subject to M_b x = w_b.

    The blocks are the proximal part of each prior (M = identity), each composed part (M = K_j), and the data term (M = A) unless it
    is Gaussian, which stays in the quadratic q. The x step is exact where A A^* = c I (tight frames) or where the Fourier transform
    makes A A^* diagonal between channels (periodic convolutions, convolutional dictionaries), if no prior is composed; else it is
    made by conjugate gradients from the last x. See `foreknow.solve.least_squares`.

    Args:
        penalty: how the penalty is found; a number is where the automatic one starts. `FixedPenalty` keeps it.
        relaxation: over-relaxation in [1, 2) (Eckstein and Bertsekas 1992).

    Raises:
        ParameterError: if a penalty is not positive, or the relaxation is out of its range.
    """

    def __init__(self, penalty: PenaltyRule | float | None = None, relaxation: float = 1.8) -> None:
        if not 1 <= relaxation < 2:
            message = f"the over-relaxation of ADMM must be in [1, 2), not {relaxation}"
            raise ParameterError(message)
        self.penalty: PenaltyRule = penalty if isinstance(penalty, PenaltyRule) else BalancedPenalty(penalty)
        self.relaxation: float | Parameter = relaxation

    def check(self, problem: Problem) -> None:
        """Needs a proximal map for every part that the priors split into."""
        for index, prior, _ in problem.composed_priors():
            if not prior.has_prox:
                message = f"ADMM needs a proximal map for every part of the prior of component {problem.names[index]!r}"
                raise UnsupportedError(message)

    def init(self, problem: Problem, y: Tensor, start: Coefficients) -> ADMMState:
        """Start from ``start`` with zero duals."""
        split = image(problem, start, data=True)
        dual = tuple(torch.zeros_like(w) for w in split)
        return ADMMState(start, split, dual, self.penalty.initial(problem, y), 0, least_squares(problem, y))

    def step(self, problem: Problem, y: Tensor, state: ADMMState) -> ADMMState:
        """Least squares in x, proximal maps in w, then the duals, then the penalty."""
        target = tuple(w - d for w, d in zip(state.split, state.dual, strict=True))
        data, alpha = y, torch.ones_like(state.penalty)
        if splits_data(problem):
            *target_blocks, data = target
            target = tuple(target_blocks)
        else:
            alpha = problem.noise.lipschitz(problem.event_dims).to(state.penalty) / state.penalty
        x = state.least_squares(problem, target, data, alpha, state.coefficients)
        relaxation = number(self.relaxation, state.penalty)
        relaxed = (torch.lerp(w, m, relaxation.to(w.dtype)) for w, m in zip(state.split, image(problem, x, data=True), strict=True))
        shifted = tuple(m + d for m, d in zip(relaxed, state.dual, strict=True))
        split = proximal(problem, y, shifted, state.penalty)
        dual = tuple(s - w for s, w in zip(shifted, split, strict=True))
        factor = self.penalty.factor(problem, Move(state.split, split, state.dual, dual, state.count))
        penalty = state.penalty
        if factor is not None:
            penalty, dual = factor * penalty, scale_blocks(1 / factor, dual, block_dims(problem))
        return ADMMState(x, split, dual, penalty, state.count + 1, state.least_squares)

    def transfer(self, problem: Problem, y: Tensor, state: ADMMState) -> ADMMState:
        """The same variables with the least-squares step of this problem, and the penalty times the factor of this copy's rule."""
        factor = self.penalty.transfer(state.penalty)
        penalty, dual = state.penalty, state.dual
        if factor is not None:
            penalty, dual = factor * penalty, scale_blocks(1 / factor, dual, block_dims(problem))
        return replace(state, dual=dual, penalty=penalty, least_squares=least_squares(problem, y))

    def with_learned_steps(self) -> "ADMM":
        """A positive factor of the penalty, and the relaxation in (0, 2)."""
        clone = copy.copy(self)
        clone.penalty = LearnedPenalty(self.penalty)
        clone.relaxation = Bounded(present(self.relaxation), 0.0, 2.0)
        return clone

    def iterate(self, problem: Problem, y: Tensor, state: ADMMState) -> Iterate:
        """The split variables where a prior has a proximal map (exact zeros), else x.

        For Gaussian noise the dual variable of the data is the gradient at A x: the x step makes its slope -A^* u equal to that of
        the priors up to what the split variables still move, while the gradient at A w is off by A^* A (w - x).
        """
        blocks = iter(zip(state.split, state.dual, strict=True))
        coefficients = []
        for index, prior in enumerate(problem.proximal_priors()):
            coefficients.append(state.coefficients[index] if prior is None else next(blocks)[0])
        prior_duals = scale_blocks(
            state.penalty,
            tuple(next(blocks)[1] for _ in problem.composed_priors()),
            tuple(len(operator.range) for _, _, operator in problem.composed_priors()),
        )
        if splits_data(problem):
            data_dual = problem.expand_data(state.penalty) * next(blocks)[1]
        else:
            data_dual = problem.noise.gradient(problem.synthesize(state.coefficients), y)
        return Iterate(tuple(coefficients), data_dual, prior_duals)
