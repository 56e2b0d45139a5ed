"""The derivative of the proximal map of total generalised variation, by the implicit function theorem."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from foreknow.priors.inner_solver import InexactProxWarning
from foreknow.priors.total_generalized_variation_operator import StaggeredGrid
from foreknow.priors.total_generalized_variation_solver import GeneralizedState, SlopeProblem
from foreknow.shapes import expand_event, inner

_STIFFNESS = 1e6  # what stands for an infinite curvature: the derivative is right to about one part in so many
_TOLERANCE = 1e-7
_MAX_ITERATIONS = 5000
_TINY = torch.finfo(torch.float64).tiny


class ImplicitProximalPoint(torch.autograd.Function):
    """The proximal point of a solved problem as a function of y and the threshold; differentiable once."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, threshold: Tensor, problem: SlopeProblem, state: GeneralizedState) -> Tensor:  # noqa: ANN401
        """The solution x as it is."""
        ctx.save_for_backward(y, threshold)
        ctx.problem, ctx.state = problem, state
        return state.x.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:  # noqa: ANN401
        """J g, as the Jacobian of a proximal map is symmetric; for the threshold by Euler's rule for homogeneous maps."""
        y, threshold = ctx.saved_tensors
        dims = ctx.problem.grid.dims
        moved = jacobian_product(ctx.problem, ctx.state, gradient)
        slope = inner(gradient, ctx.state.x, dims) - inner(moved, y, dims)
        slope = torch.where(threshold > 0, slope / torch.where(threshold > 0, threshold, 1.0), 0.0)
        return moved, slope.sum_to_size(threshold.shape), None, None


def jacobian_product(problem: SlopeProblem, state: GeneralizedState, gradient: Tensor) -> Tensor:
    r"""The x of min 1/2 |x - gradient|^2 + the second-order terms of both norms at the solution, over x and v.

    Where a difference is 0 its curvature is infinite, for which `_STIFFNESS` stands. Conjugate gradients, preconditioned by the
    grid's solver for one stiff curvature everywhere. At a kink of the map one of the limits is returned.

    Args:
        problem: that was solved.
        state: its solution.
        gradient: (\*batch, \*event).

    Warns:
        InexactProxWarning: if the system is not solved to 1e-7 within 5000 iterations.
    """
    grid = problem.grid
    curvatures = [_curvature(grid, split, radius) for split, radius in zip(state.split, problem.radii(), strict=True)]

    def system(x: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        force = curvatures[0](grid.slope(x) - v)
        return x + grid.slope_adjoint(force), grid.bend_adjoint(curvatures[1](grid.bend(v))) - force * grid.has_slope

    def prepare(x: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        return grid.precondition(x / _STIFFNESS, v / _STIFFNESS, torch.full_like(x[..., :1], 1 / _STIFFNESS), 1.0)

    def product(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> Tensor:
        return inner(one[0], other[0], grid.dims) + inner(one[1], other[1], grid.dims + 1)

    def combine(one: tuple[Tensor, Tensor], factor: Tensor, other: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        wide = expand_event(factor, grid.dims)
        return one[0] + wide * other[0], one[1] + wide.unsqueeze(-grid.dims - 1) * other[1]

    solution = torch.zeros_like(gradient), torch.zeros_like(state.slope)
    residual = gradient, torch.zeros_like(state.slope)
    direction = prepare(*residual)
    energy = product(residual, direction)
    limit = _TOLERANCE**2 * energy
    for _ in range(_MAX_ITERATIONS):
        open_items = energy > limit
        if not bool(open_items.any()):
            return solution[0]
        image = system(*direction)
        length = torch.where(open_items, energy / product(direction, image).clamp_min(_TINY), 0.0)
        solution, residual = combine(solution, length, direction), combine(residual, -length, image)
        prepared = prepare(*residual)
        following = product(residual, prepared)
        direction = combine(prepared, torch.where(open_items, following / energy.clamp_min(_TINY), 0.0), direction)
        energy = torch.where(open_items, following, energy)
    worst = float((energy / limit.clamp_min(_TINY)).max().sqrt()) * _TOLERANCE
    message = f"the derivative of total generalised variation was found to {worst:.1e} only, after {_MAX_ITERATIONS} iterations"
    warnings.warn(message, InexactProxWarning, stacklevel=2)
    return solution[0]


def _curvature(grid: StaggeredGrid, difference: Tensor, radius: Tensor) -> Callable[[Tensor], Tensor]:
    """The second derivative of radius |difference| at each sample: radius (I - n n^T) / |difference|, stiff where that is 0."""
    length = grid.length(difference)
    zero = length <= radius / _STIFFNESS
    direction = torch.where(zero, 0.0, difference / torch.where(zero, 1.0, length))
    scale = torch.where(zero, _STIFFNESS, radius / torch.where(zero, 1.0, length))

    def apply(stack: Tensor) -> Tensor:
        along = (direction * stack).sum(dim=-grid.dims - 1, keepdim=True)
        return scale * (stack - direction * along)

    return apply
