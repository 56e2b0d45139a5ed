"""Where the penalty of ADMM comes from: given, or found from how the iteration moves."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foreknow.errors import ParameterError
from foreknow.noise import Exact, Gaussian
from foreknow.parameters import Positive, number
from foreknow.problem import Problem
from foreknow.shapes import inner, squared_norm
from foreknow.solve.blocks import dot, norm
from foreknow.solve.splitting import Blocks, block_dims, block_norm


@dataclass(frozen=True)
class Move:
    """One step of ADMM: the split and scaled dual variables before and after, and how many steps were made before it."""

    before: Blocks
    after: Blocks
    dual_before: Blocks
    dual_after: Blocks
    count: int


class PenaltyRule(ABC):
    """Gives ADMM its penalty, one number a batch item."""

    @abstractmethod
    def initial(self, problem: Problem, y: Tensor) -> Tensor:
        """The penalty of the first step, (*batch,)."""

    @abstractmethod
    def factor(self, problem: Problem, move: Move) -> Tensor | None:
        """What the penalty is to be multiplied with after a step, (*batch,); None to leave it."""

    def transfer(self, penalty: Tensor) -> Tensor | None:  # noqa: ARG002
        """What the penalty is to be multiplied with when another copy of the algorithm takes over; None to leave it."""
        return None


class FixedPenalty(PenaltyRule):
    """The same penalty for ever.

    Args:
        value: positive; a number or (*batch,).

    Raises:
        ParameterError: if a value is not positive.
    """

    def __init__(self, value: float | Tensor) -> None:
        require_positive(value)
        self.value = value

    def initial(self, problem: Problem, y: Tensor) -> Tensor:
        """The value."""
        return _ones(problem, y) * self.value

    def factor(self, problem: Problem, move: Move) -> Tensor | None:  # noqa: ARG002
        """None."""
        return None


class BalancedPenalty(PenaltyRule):
    r"""A penalty that lets the primal and the dual variables move at the same pace.

    With the split variables w and the unscaled dual variables u, one a constraint M x = w:

    - it starts at R(x) / 4 \|x\|^2 of a first guess x, a ratio of the scale of a dual over a primal solution;
    - after the second and the fourth step a bad start is mended: what it differs by more than tenfold from the geometric mean of
      \|u\| / \|w\| (Lorenz and Tran-Dinh 2019, "Non-stationary Douglas-Rachford and alternating direction method of multipliers")
      and <u, w> / \|w\|^2, at most a hundredfold; it grows tenfold where all of w is still 0;
    - after every fifth step it is moved to 1.2 \|du\| / \|dw\|, the ratio of the changes in that step: the curvature of the priors
      that the iteration meets (the geometric mean of the two spectral steps of Xu, Figueiredo and Goldstein 2017). Too large a
      penalty makes w move more than u, too small a one the reverse; the best fixed penalty, found by search in 13 sparse coding,
      deconvolution and lasso problems, was where the ratio of the two moves was between 1 and 1.3 in all of them.

    No step changes it more than fourfold, and later ones by less and less, 4^((10/n)^2) the n-th, so that the sum of the relative
    changes is finite, which keeps the proof of convergence (He, Yang and Wang 2000; Lorenz and Tran-Dinh 2019).

    No gradient passes through the search: to a differentiated iteration the penalties are constants.

    Args:
        initial: the penalty to start from, in place of the first rule; the others remain.

    Raises:
        ParameterError: if the initial penalty is not positive.
    """

    def __init__(self, initial: float | None = None) -> None:
        if initial is not None:
            require_positive(initial)
        self.start = initial

    @torch.no_grad()
    def initial(self, problem: Problem, y: Tensor) -> Tensor:
        """Prior value over squared norm of a multiple of A^* y; the curvature of the data term where the prior has no scale."""
        ones = _ones(problem, y)
        if self.start is not None:
            return self.start * ones
        tiny = torch.finfo(ones.dtype).tiny
        back = problem.adjoint(y)
        curvature = squared_norm(problem.synthesize(back), problem.event_dims) / dot(problem, back, back).clamp_min(tiny)
        length = 1 / curvature.clamp_min(tiny)  # which makes |A (length * back) - y| least
        guess = tuple(problem.expand(length, index) * part for index, part in enumerate(back))
        value = problem.prior_value(guess) if problem.has_value else torch.full_like(ones, torch.nan)
        penalty = value / (4 * norm(problem, guess).square()).clamp_min(tiny)
        if isinstance(problem.noise, Gaussian):
            curvature = curvature * problem.noise.lipschitz(problem.event_dims).to(curvature)
        for other in (curvature, ones):
            penalty = torch.where(torch.isfinite(penalty) & (penalty > 0), penalty, other)
        return penalty

    @torch.no_grad()
    def factor(self, problem: Problem, move: Move) -> Tensor | None:
        """The change after the second, the fourth and every fifth step; exact data, which do not move, have no part in it."""
        if move.count not in _SCALING_STEPS and move.count % _EVERY != _EVERY - 1:
            return None
        dims = block_dims(problem)
        blocks = slice(max(1, len(dims) - 1)) if isinstance(problem.noise, Exact) else slice(None)
        part = Move(move.before[blocks], move.after[blocks], move.dual_before[blocks], move.dual_after[blocks], move.count)
        return _scale(part, dims[blocks]) if move.count in _SCALING_STEPS else _pace(part, dims[blocks])


class LearnedPenalty(PenaltyRule, nn.Module):
    """Another rule's penalty times a positive factor that is learned; with a copy for each step, times each copy's factor in turn.

    Args:
        rule: the other rule.
    """

    def __init__(self, rule: PenaltyRule) -> None:
        super().__init__()
        self.rule = rule
        self.multiple = Positive(1.0)

    def initial(self, problem: Problem, y: Tensor) -> Tensor:
        """The other rule's, times the factor."""
        penalty = self.rule.initial(problem, y)
        return number(self.multiple, penalty) * penalty

    def factor(self, problem: Problem, move: Move) -> Tensor | None:
        """The other rule's."""
        return self.rule.factor(problem, move)

    def transfer(self, penalty: Tensor) -> Tensor | None:
        """The factor, (*batch,)."""
        return number(self.multiple, penalty).expand_as(penalty)


_SCALING_STEPS = (1, 3)
_NEAR, _FAR = 10.0, 100.0  # how far off a penalty is left alone, and how far it is mended at once
_EVERY = 5
_TARGET = 1.2
_LIMIT = 4.0
_SETTLED = 10  # changes of the penalty after which its range shrinks


def require_positive(penalty: float | Tensor) -> None:
    """Check a penalty.

    Raises:
        ParameterError: if it is not positive and finite.
    """
    values = torch.as_tensor(penalty).detach()
    smallest, largest = float(values.min()), float(values.max())
    if not (smallest > 0 and largest < math.inf):
        message = f"the penalty of ADMM must be positive and finite, not {penalty}"
        raise ParameterError(message)


def _scale(move: Move, dims: tuple[int, ...]) -> Tensor:
    """What a penalty is to be multiplied with that is far from the ratio of the present dual to the present primal variables."""
    size, dual_size = block_norm(move.after, dims), block_norm(move.dual_after, dims)
    terms = [inner(w, d, count) for w, d, count in zip(move.after, move.dual_after, dims, strict=True)]
    square = size.square().clamp_min(torch.finfo(size.dtype).tiny)
    along = torch.stack(terms).sum(dim=0) / square
    ratio = dual_size / square.sqrt()
    ratio = torch.where(along > 0, (ratio * along.clamp_min(0)).sqrt(), ratio)  # <u, w> = 0 where the prior is an indicator
    ratio = torch.where(ratio > 0, ratio, torch.ones_like(ratio))
    return torch.where(size > 0, (ratio / ratio.clamp(1 / _NEAR, _NEAR)).clamp(1 / _FAR, _FAR), _NEAR)


def _pace(move: Move, dims: tuple[int, ...]) -> Tensor:
    """What the penalty is to be multiplied with so that the primal and the dual variables move alike."""
    size, dual_size = block_norm(move.after, dims), block_norm(move.dual_after, dims)
    change = block_norm(_difference(move.after, move.before), dims)
    dual_change = block_norm(_difference(move.dual_after, move.dual_before), dims)
    limit = _LIMIT ** min(1.0, (_SETTLED * _EVERY / (move.count + 1)) ** 2)
    factor = (_TARGET * dual_change / change.clamp_min(torch.finfo(change.dtype).tiny)).clamp(1 / limit, limit)
    rounding = 8 * torch.finfo(size.dtype).eps  # changes of this size say nothing
    moving = (change > rounding * size) & (dual_change > rounding * dual_size)
    waiting = (size == 0) & (dual_change > rounding * dual_size)
    return torch.where(moving, factor, torch.where(waiting, limit, torch.ones_like(factor)))


def _difference(after: Blocks, before: Blocks) -> Blocks:
    return tuple(new - old for new, old in zip(after, before, strict=True))


def _ones(problem: Problem, y: Tensor) -> Tensor:
    return torch.ones(problem.batch_shape(y), dtype=y.dtype.to_real(), device=y.device)
