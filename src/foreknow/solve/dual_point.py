"""Moving a dual point into the domain of the dual objective, where scaling alone cannot bring it."""

import torch
from torch import Tensor

from foreknow.priors.base import Prior
from foreknow.problem import Coefficients, Problem
from foreknow.shapes import expand_event, squared_norm
from foreknow.solve.blocks import add, dot, scale_items

_MAX_ITERATIONS = 20
_SMALL = 1e-13  # of the slope: a flat part that rounding leaves in float64, which the conjugates accept


def into_composed_domains(problem: Problem, duals: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The dual variables of the composed priors without their flat parts: projected onto the cone of each conjugate's domain."""
    return tuple(dual - prior.flat_part(dual) for (_, prior, _), dual in zip(problem.composed_priors(), duals, strict=True))


def into_domain(problem: Problem, u: Tensor, pulled: Coefficients | None) -> tuple[Tensor, Coefficients]:
    r"""A data dual near u whose slopes s_i = -A_i^* u - p_i have no flat part, for which every conjugate g_i^*(t s_i) is infinite.

    An equality (x may shift by a constant, say) or a sign (x >= 0) that the slopes must obey is only met to the rounding of the
    dtype that the algorithm ran in, or not before convergence. With C_i the directions that g_i is flat along, P_i the projection
    onto C_i, and e_i = P_i(1) + P_i(-1) (a vector inside the cone where C_i is an orthant, 0 where it is a subspace), u + A d is
    sought such that A_i^* A d is P_i(s_i) + max|P_i(s_i)| e_i on the span of C_i. Any solution to about half that margin will do
    for an orthant, so that few iterations of conjugate gradients are enough; for a subspace they must end.

    Args:
        problem: bound to the shape of the data.
        u: (*batch, *shape), in double precision.
        pulled: p_i = sum_j K_j^* v_j of each component; None where no prior is composed.

    Returns:
        The point for the batch items that could be moved, u for the others (and for all where a component without a proximal
        part leaves u no choice); and its slopes.
    """
    parts = problem.proximal_priors()
    slopes = _slopes(problem, u, pulled)
    if None in parts or all(_never_flat(part) for part in parts):
        return u, slopes
    flat = _flat_parts(parts, slopes)
    done = _feasible(problem, parts, flat, slopes)
    if bool(done.all()):
        return u, slopes
    margin = torch.stack([_largest(part, problem.component_dims(index)) for index, part in enumerate(flat)]).amax(dim=0)
    target = add(flat, scale_items(problem, margin, _inward(parts, slopes)))

    direction = residual = _span(parts, target)  # the normal equations on the span, whose factor then cancels
    square = dot(problem, residual, residual)
    moved, image = torch.zeros_like(u), tuple(torch.zeros_like(slope) for slope in slopes)
    reached = done
    for _ in range(_MAX_ITERATIONS):
        signal = problem.synthesize(_span(parts, direction))
        back = problem.adjoint(signal)
        curved = _span(parts, back)
        curvature = dot(problem, direction, curved)
        length = torch.where(reached | (curvature <= 0), 0.0, square / torch.where(curvature > 0, curvature, 1.0))
        moved = moved + problem.expand_data(length) * signal
        image = add(image, scale_items(problem, length, back))
        shifted = add(slopes, image, -1)
        reached = reached | _feasible(problem, parts, _flat_parts(parts, shifted), shifted)
        if bool(reached.all()):
            break
        residual = add(residual, scale_items(problem, length, curved), -1)
        following = dot(problem, residual, residual)
        ratio = following / square.clamp_min(torch.finfo(square.dtype).tiny)
        direction, square = add(residual, scale_items(problem, ratio, direction)), following
    u = torch.where(expand_event(reached & ~done, problem.event_dims), u + moved, u)
    return u, _slopes(problem, u, pulled)


def nearer_to_domain(problem: Problem, u: Tensor, pulled: Coefficients | None, steps: int) -> Tensor:
    r"""A data dual near u of which less has to be scaled off before every conjugate g_i^* is finite.

    For a norm, the part of a slope outside the dual ball is s - P(s) = prox_g(s) (Moreau), so that accelerated gradient steps on
    1/2 sum_i |prox_{g_i}(s_i)|^2 in u, of length 1 / |A|^2, walk towards the domain (Nesterov 1983). Scaling by the worst
    coefficient then costs little, where it would have cost nearly all of the bound.

    Args:
        problem: bound to the shape of the data.
        u: (*batch, *shape), in double precision.
        pulled: p_i = sum_j K_j^* v_j of each component; None where no prior is composed.
        steps: number of steps, each one A and one A^*.
    """
    parts = problem.proximal_priors()
    if None in parts:
        return u
    length = 1 / problem.squared_norm_bound().to(u).clamp_min(torch.finfo(torch.float64).tiny)
    ahead, momentum = u, 1.0
    for _ in range(steps):
        slopes = _slopes(problem, ahead, pulled)
        outside = tuple(_outside(part, slope) for part, slope in zip(parts, slopes, strict=True))
        following = ahead + length * problem.synthesize(outside)
        next_momentum = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = following + (momentum - 1) / next_momentum * (following - u)
        u, momentum = following, next_momentum
    return u


def _outside(part: Prior | None, slope: Tensor) -> Tensor:
    if part is None:
        return torch.zeros_like(slope)
    return torch.where(expand_event(part.dual_scale(slope) < 1, part.event_dims), part.prox(slope), 0.0)


def flatness(problem: Problem, slopes: tuple[tuple[int, Prior, Tensor], ...], x: Coefficients) -> Tensor:
    """By how much flat parts that were taken for rounding may lift the bound: 2 sum_i |P_i(s_i)| |x_i|, (*batch,)."""
    total = torch.zeros(x[0].shape[: x[0].ndim - problem.component_dims(0)], dtype=torch.float64, device=x[0].device)
    for index, prior, slope in slopes:
        if _never_flat(prior):
            continue
        dims = problem.component_dims(index)
        total = total + 2 * (squared_norm(prior.flat_part(slope), dims) * squared_norm(x[index], dims)).sqrt()
    return total


def _slopes(problem: Problem, u: Tensor, pulled: Coefficients | None) -> Coefficients:
    slopes = problem.adjoint(-u)
    return slopes if pulled is None else add(slopes, pulled, -1)


def _never_flat(part: Prior | None) -> bool:
    """Whether a prior grows along every direction (a norm): `Prior.flat_part` is then 0, and need not be computed."""
    return part is not None and type(part)._flat_part is Prior._flat_part  # noqa: SLF001


def _flat_parts(parts: tuple[Prior | None, ...], slopes: Coefficients) -> Coefficients:
    return tuple(
        torch.zeros_like(slope) if part is None else part.flat_part(slope) for part, slope in zip(parts, slopes, strict=True)
    )


def _inward(parts: tuple[Prior | None, ...], like: Coefficients) -> Coefficients:
    """P(1) + P(-1): 1 where a coefficient may only grow, -1 where it may only fall, 0 where R bounds or ignores it."""
    ones = tuple(torch.ones_like(slope) for slope in like)
    return add(_flat_parts(parts, ones), _flat_parts(parts, tuple(-one for one in ones)))


def _span(parts: tuple[Prior | None, ...], x: Coefficients) -> Coefficients:
    """P(x) - P(-x): a positive multiple of the projection onto the span of each C that is a product of lines and half-lines."""
    return add(_flat_parts(parts, x), _flat_parts(parts, tuple(-part for part in x)), -1)


def _feasible(problem: Problem, parts: tuple[Prior | None, ...], flat: Coefficients, slopes: Coefficients) -> Tensor:
    """Whether every event of every part has a flat part that is nothing but rounding, (*batch,)."""
    checks = []
    for index, (part, inside, slope) in enumerate(zip(parts, flat, slopes, strict=True)):
        dims = problem.component_dims(index)
        own = dims if part is None else part.event_dims
        small = squared_norm(inside, own) <= _SMALL**2 * squared_norm(slope, own)
        checks.append(small.reshape(*small.shape[: slope.ndim - dims], -1).all(dim=-1))
    return torch.stack(checks).all(dim=0)


def _largest(x: Tensor, dims: int) -> Tensor:
    return x.abs().flatten(x.ndim - dims).amax(dim=-1)
