"""The inner problem of total generalised variation: preconditioned ADMM, and a gap that is never optimistic."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foreknow.priors.inner_solver import Accuracy
from foreknow.priors.total_generalized_variation_operator import StaggeredGrid
from foreknow.shapes import expand_event, inner, squared_norm, sum_event

_RELAXATION = 1.9
_BENDING = 8.0  # penalty of the bends over that of the slopes
_REPAIRS = 10  # steps that bring the dual point nearer to its set, at every look at the gap
_CHANGE = math.sqrt(2.0)  # largest change of the penalty at a look
_EARLY, _RANGE = 1000, 8.0  # iterations within which it stays in a range, and that range
_TINY = torch.finfo(torch.float64).tiny


@dataclass(frozen=True)
class GeneralizedState:
    r"""Where the inner solver stopped: what the next call can start from, and its certificate.

    Attributes:
        x: the best primal point, (\*batch, \*event).
        slope: the slopes v that its differences are compared with, (\*batch, d, \*event).
        certificate: z = D^* E^* q of the best feasible dual point, (\*batch, \*event): nearly a subgradient at x.
        gap: (\*batch,), what the objective is at most above the optimum: |x - exact point|^2 <= 2 gap for the proximal map.
        objective: (\*batch,), of x and the slopes.
        iterations: how many were made.
        split, dual: the last split variables of D x - v and E v and their dual variables (forces), two stacks each.
        penalty: of the last iteration, (\*batch,).
    """

    x: Tensor
    slope: Tensor
    certificate: Tensor
    gap: Tensor
    objective: Tensor
    iterations: int
    split: tuple[Tensor, Tensor]
    dual: tuple[Tensor, Tensor]
    penalty: Tensor


@dataclass(frozen=True)
class SlopeProblem:
    r"""min over x and v of curvature / 2 |x - y|^2 + threshold (sum |D x - v| + ratio sum |E v|).

    Attributes:
        grid: D and E.
        y: (\*batch, \*event), float64, with differences of about 1.
        threshold: (\*batch,), non-negative.
        ratio: positive.
        curvature: 1 for the proximal map; so large a number that x is y, for the value.
        rounding: (\*batch,), by how much the sum of the moduli of y is uncertain.
    """

    grid: StaggeredGrid
    y: Tensor
    threshold: Tensor
    ratio: float
    curvature: float
    rounding: Tensor

    def radii(self) -> tuple[Tensor, Tensor]:
        """The largest lengths of the two dual stacks."""
        radius = expand_event(self.threshold, self.grid.dims + 1)
        return radius, self.ratio * radius

    def primal(self, x: Tensor, v: Tensor) -> Tensor:
        """The objective, (*batch,)."""
        grid, dims = self.grid, self.grid.dims
        steps = sum_event(grid.length(grid.slope(x) - v), dims + 1)
        bends = sum_event(grid.length(grid.bend(v)), dims + 1)
        return self.curvature / 2 * squared_norm(x - self.y, dims) + self.threshold * (steps + self.ratio * bends)

    def dual(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """A lower bound of the optimum, (*batch,), and its z = D^* E^* q, from any q near its set.

        Every q with |q| <= threshold ratio and |E^* q| <= threshold gives <y, z> - |z|^2 / (2 curvature). q is first moved towards
        that set by accelerated steps on the squared distance of E^* q from its ball, then scaled into it.
        """
        grid, dims = self.grid, self.grid.dims
        near, far = self.radii()
        step, momentum, ahead = 1 / grid.bend_norm_bound(), 1.0, q
        for _ in range(_REPAIRS):
            force = grid.bend_adjoint(ahead)
            following = _project(grid, ahead - step * grid.bend(force - _project(grid, force, near)), far)
            longer = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
            ahead = following + (momentum - 1) / longer * (following - q)
            q, momentum = following, longer
        force = grid.bend_adjoint(q)
        excess = torch.maximum(_largest(grid, force) / self.threshold.clamp_min(_TINY), torch.ones_like(self.threshold))
        excess = torch.maximum(_largest(grid, q) / (self.ratio * self.threshold).clamp_min(_TINY), excess)
        z = grid.slope_adjoint(force / expand_event(excess, dims + 1))
        return inner(self.y, z, dims) - squared_norm(z, dims) / (2 * self.curvature), z

    def resolution(self) -> Tensor:
        """What no gap is asked to be below: 1e-12 of the total variation, and what rounding leaves."""
        variation = sum_event(self.grid.length(self.grid.slope(self.y)), self.grid.dims + 1)
        return self.threshold * (1e-12 * variation + 16 * self.rounding)

    def start(self) -> GeneralizedState:
        """From x = y with no slopes and no forces, and a penalty that was found by trial on images."""
        slope = self.grid.slope(self.y)
        flat, bends = torch.zeros_like(slope), torch.zeros_like(self.grid.bend(slope))
        penalty = (7 * self.threshold.pow(0.6)).clamp_min(1e-3)
        none = torch.full_like(self.threshold, torch.inf)
        return GeneralizedState(self.y, flat, torch.zeros_like(self.y), none, none, 0, (slope, bends), (flat, bends), penalty)


def solve(problem: SlopeProblem, accuracy: Accuracy, start: GeneralizedState | None, name: str) -> GeneralizedState:
    r"""ADMM for the splits w = D x - v and u = E v, with the (x, v) step made by one application of a preconditioner.

    A preconditioner that is at least the exact matrix keeps the convergence (Bredies and Sun 2015, "Preconditioned Douglas-Rachford
    algorithms for TV- and TGV-regularized variational imaging problems"), also with over-relaxation (Fang, He, Liu and Yuan 2015,
    "Generalized alternating direction method of multipliers"). The penalty of each batch item is found by `_Pace`.

    Args:
        problem: what to solve.
        accuracy: when to stop; the gap is evaluated after ``check_every`` iterations or an eighth of those made, if that is more.
        start: where to start, in the units of the problem; None for nothing known.
        name: of what is computed, for the warning.

    Returns:
        The best primal and the best dual point of every item that a look at the gap has found.
    """
    grid, resolution = problem.grid, problem.resolution()
    state = problem.start() if start is None else start
    iterate = _Iterate(problem, state)
    best = _improved(problem, problem.start(), state.x, state.slope, state.dual[1])
    best = _improved(problem, best, problem.y, grid.slope(problem.y), state.dual[1])  # the optimum of affine events
    count, next_look = 0, accuracy.check_every
    pace = _Pace(state.penalty)
    while not accuracy.reached(best.gap, best.objective, resolution):
        if count >= accuracy.max_iterations:
            accuracy.warn(name, best.gap, best.objective)
            break
        steps, before = min(next_look, accuracy.max_iterations) - count, best
        for _ in range(steps):
            iterate.step()
        count += steps
        next_look = count + max(accuracy.check_every, count // 8)
        best = _improved(problem, best, iterate.x, iterate.slope, iterate.dual()[1])
        iterate.change_penalty(pace.next_penalty(iterate.penalty, before, best, count, steps))
    split = iterate.split()
    return replace(best, iterations=count, split=split, dual=iterate.dual(), penalty=iterate.penalty)


class _Pace:
    """How the penalty of each batch item follows from the looks at the gap, all by trial.

    For the first thousand iterations it grows where the upper bound falls faster than the lower one rises, and shrinks where it is
    the other way round, within a factor of eight of its start. That is best for images, but a small feature can leave one bound
    waiting for ever. After that it climbs: it is multiplied or divided by the same factor from look to look, and turns round where
    the gap falls more slowly than before. The changes die out so that the logarithms of all of them have a finite sum.
    """

    def __init__(self, start: Tensor) -> None:
        self.start = start
        self.direction, self.speed = torch.ones_like(start), torch.zeros_like(start)

    def next_penalty(self, penalty: Tensor, before: GeneralizedState, after: GeneralizedState, count: int, steps: int) -> Tensor:
        """The penalty after a look that ``steps`` iterations brought, ``count`` in all."""
        slower, self.speed = self.speed, (before.gap / after.gap.clamp_min(_TINY)).log() / steps
        if count == steps:
            return penalty  # the first iterations only show how far off the start was
        if count <= _EARLY:
            fallen = before.objective - after.objective
            risen = before.gap - after.gap - fallen
            balance = torch.where(fallen > 0, fallen / risen.clamp_min(_TINY), torch.where(risen > 0, 0.0, 1.0)).pow(0.25)
            wanted = penalty * balance.clamp(1 / _CHANGE, _CHANGE)
            return torch.minimum(torch.maximum(wanted, self.start / _RANGE), self.start * _RANGE)
        self.direction = torch.where(self.speed < slower, -self.direction, self.direction)
        return penalty * (_CHANGE ** math.sqrt(_EARLY / count)) ** self.direction


class _Iterate:
    """The variables of the iteration, changed in place by `step`: x, v, their image (D x - v, E v), and split + scaled dual."""

    def __init__(self, problem: SlopeProblem, state: GeneralizedState) -> None:
        self.problem, self.x, self.slope, self.penalty = problem, state.x, state.slope, state.penalty
        self.image = self._image()
        scale = expand_event(1 / self.penalty, problem.grid.dims + 1)
        weights = (1.0, 1 / _BENDING)
        self.shifted = tuple(w + scale * f * p for w, f, p in zip(state.split, weights, state.dual, strict=True))

    def _image(self) -> tuple[Tensor, Tensor]:
        grid = self.problem.grid
        return grid.slope(self.x) - self.slope, grid.bend(self.slope)

    def split(self) -> tuple[Tensor, Tensor]:
        """(w, u): the shifted variables, shortened."""
        near, far = self.problem.radii()
        scale = expand_event(1 / self.penalty, self.problem.grid.dims + 1)
        return self._shorten(self.shifted[0], near * scale), self._shorten(self.shifted[1], far * scale / _BENDING)

    def _shorten(self, stack: Tensor, threshold: Tensor) -> Tensor:
        length = self.problem.grid.length(stack)
        return stack * ((length - threshold) / length.clamp_min(_TINY)).clamp_min_(0)

    def dual(self) -> tuple[Tensor, Tensor]:
        """The forces (p, q), inside their balls."""
        split, scale = self.split(), expand_event(self.penalty, self.problem.grid.dims + 1)
        return scale * (self.shifted[0] - split[0]), _BENDING * scale * (self.shifted[1] - split[1])

    def step(self) -> None:
        """One iteration."""
        problem, grid = self.problem, self.problem.grid
        identity = expand_event(problem.curvature / self.penalty, grid.dims)
        split = self.split()
        first, second = (image - 2 * part + shifted for image, part, shifted in zip(self.image, split, self.shifted, strict=True))
        right = identity * (problem.y - self.x) - grid.slope_adjoint(first)
        right_slope = torch.addcmul(-_BENDING * grid.bend_adjoint(second), first, grid.has_slope)
        move, move_slope = grid.precondition(right, right_slope, identity, _BENDING)
        self.x, self.slope = self.x + move, self.slope + move_slope
        self.image = self._image()
        self.shifted = tuple(
            shifted.add(image - part, alpha=_RELAXATION)
            for shifted, image, part in zip(self.shifted, self.image, split, strict=True)
        )

    def change_penalty(self, penalty: Tensor) -> None:
        """Take another penalty, (*batch,), leaving the split variables and the forces as they are."""
        split, factor = self.split(), expand_event(self.penalty / penalty, self.problem.grid.dims + 1)
        self.shifted = tuple(part + factor * (shifted - part) for part, shifted in zip(split, self.shifted, strict=True))
        self.penalty = penalty


def _improved(problem: SlopeProblem, best: GeneralizedState, x: Tensor, slope: Tensor, q: Tensor) -> GeneralizedState:
    """The best state with a new primal and a new dual candidate taken into account."""
    dims = problem.grid.dims
    upper = problem.primal(x, slope)
    lower, certificate = problem.dual(q)
    before = best.objective - best.gap
    before = torch.where(torch.isnan(before), 0.0, before)  # of the first look: q = 0 is feasible, and worth 0
    lowers, lifts = upper < best.objective, lower > before
    objective = torch.minimum(upper, best.objective)
    return replace(
        best,
        x=torch.where(expand_event(lowers, dims), x, best.x),
        slope=torch.where(expand_event(lowers, dims + 1), slope, best.slope),
        certificate=torch.where(expand_event(lifts, dims), certificate, best.certificate),
        gap=(objective - torch.maximum(lower, before)).clamp_min(0),
        objective=objective,
    )


def _project(grid: StaggeredGrid, stack: Tensor, radius: Tensor) -> Tensor:
    return stack * (radius / torch.maximum(grid.length(stack), radius).clamp_min(_TINY))


def _largest(grid: StaggeredGrid, stack: Tensor) -> Tensor:
    return grid.length(stack).flatten(-grid.dims - 1).amax(dim=-1)
