"""The alternating direction method of multipliers, with a penalty that finds itself."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import ParameterError, UnsupportedError
from foreknow.noise import Gaussian
from foreknow.problem import Coefficients, Problem
from foreknow.shapes import squared_norm
from foreknow.solve.algorithm import Algorithm, Iterate
from foreknow.solve.blocks import add, dot, norm, scale_items


@dataclass(frozen=True)
class ADMMState:
    """Coefficients x; split variables w_b and scaled dual variables d_b, one a block; penalty (*batch,); step count."""

    coefficients: Coefficients
    split: tuple[Tensor, ...]
    dual: tuple[Tensor, ...]
    penalty: Tensor
    count: int


class ADMM(Algorithm[ADMMState]):
    """ADMM in scaled form (Boyd et al. 2011, section 3.1.1): min q(x) + sum_b f_b(w_b) subject to M_b x = w_b.

    The blocks are the proximal part of each prior (M = identity), each composed part (M = K_j), and the data term (M = A) unless it
    is Gaussian, which stays in the quadratic q. The x step is exact by one A and one A^* where A A^* = c I (tight frames) and no
    prior is composed, else by conjugate gradients from the last x.

    The penalty of each batch item starts from the data and is balanced by relative residuals (Wohlberg 2017) for the first
    ``adapt`` steps, then stays, which keeps the proof of convergence.

    Args:
        penalty: the initial penalty; None to take it from the data.
        relaxation: over-relaxation in [1, 2).
        adapt: number of steps during which the penalty may change.
    """

    def __init__(self, penalty: float | None = None, relaxation: float = 1.6, adapt: int = 300) -> None:
        if penalty is not None and not penalty > 0:
            message = f"the penalty of ADMM must be positive, not {penalty}"
            raise ParameterError(message)
        if not 1 <= relaxation < 2:
            message = f"the over-relaxation of ADMM must be in [1, 2), not {relaxation}"
            raise ParameterError(message)
        self.penalty = penalty
        self.relaxation = relaxation
        self.adapt = adapt

    def check(self, problem: Problem) -> None:
        """Needs a proximal map for every part that the priors split into."""
        for index, prior, _ in problem.composed_priors():
            if not prior.has_prox:
                message = f"ADMM needs a proximal map for every part of the prior of component {problem.names[index]!r}"
                raise UnsupportedError(message)

    def init(self, problem: Problem, y: Tensor, start: Coefficients) -> ADMMState:
        """Start from ``start`` with zero duals."""
        split = _image(problem, start)
        penalty = _initial_penalty(problem, y) if self.penalty is None else torch.full_like(_ones(problem, y), self.penalty)
        return ADMMState(start, split, tuple(torch.zeros_like(w) for w in split), penalty, 0)

    def step(self, problem: Problem, y: Tensor, state: ADMMState) -> ADMMState:
        """Least squares in x, proximal maps in w, then the duals; the penalty every tenth step."""
        target = tuple(w - d for w, d in zip(state.split, state.dual, strict=True))
        x = _least_squares(problem, y, target, state)
        image = _image(problem, x)
        relaxed = tuple(self.relaxation * m + (1 - self.relaxation) * w for m, w in zip(image, state.split, strict=True))
        shifted = tuple(m + d for m, d in zip(relaxed, state.dual, strict=True))
        split = _proximal(problem, y, shifted, state.penalty)
        dual = tuple(s - w for s, w in zip(shifted, split, strict=True))
        penalty = state.penalty
        if state.count < self.adapt and state.count % 10 == 9:
            penalty, dual = _balance(problem, state, image, split, dual)
        return ADMMState(x, split, dual, penalty, state.count + 1)

    def iterate(self, problem: Problem, y: Tensor, state: ADMMState) -> Iterate:  # noqa: ARG002
        """The split variables where a prior has a proximal map (exact zeros), else x."""
        blocks = iter(zip(state.split, state.dual, strict=True))
        coefficients = []
        for index, prior in enumerate(problem.proximal_priors()):
            coefficients.append(state.coefficients[index] if prior is None else next(blocks)[0])
        prior_duals = tuple(_times(state.penalty, next(blocks)[1], len(op.range)) for _, _, op in problem.composed_priors())
        data = next(blocks, None)
        data_dual = None if data is None else _times(state.penalty, data[1], problem.event_dims)
        return Iterate(tuple(coefficients), data_dual, prior_duals)


def _times(value: Tensor, x: Tensor, dims: int) -> Tensor:
    return value.reshape(value.shape + (1,) * dims) * x


def _ones(problem: Problem, y: Tensor) -> Tensor:
    return torch.ones(problem.batch_shape(y), dtype=y.dtype.to_real(), device=y.device)


def _initial_penalty(problem: Problem, y: Tensor) -> Tensor:
    """The curvature of the data term for Gaussian noise; else a penalty of the scale of prior over data."""
    if isinstance(problem.noise, Gaussian):
        return problem.noise.lipschitz(problem.event_dims).to(_ones(problem, y)) * _ones(problem, y)
    back = problem.adjoint(y)
    energy = dot(problem, back, back).clamp_min(torch.finfo(y.dtype.to_real()).tiny)
    value = problem.prior_value(back)
    return torch.where(torch.isfinite(value) & (value > 0), value / energy, torch.ones_like(value))


def _image(problem: Problem, x: Coefficients) -> tuple[Tensor, ...]:
    """M_b x for every block, in the order: proximal parts, composed parts, data."""
    image = [part for part, prior in zip(x, problem.proximal_priors(), strict=True) if prior is not None]
    image += [operator(x[index]) for index, _, operator in problem.composed_priors()]
    if not isinstance(problem.noise, Gaussian):
        image.append(problem.synthesize(x))
    return tuple(image)


def _proximal(problem: Problem, y: Tensor, points: tuple[Tensor, ...], penalty: Tensor) -> tuple[Tensor, ...]:
    """prox_{f_b / penalty} of every block."""
    blocks = iter(points)
    out = []
    for index, prior in enumerate(problem.proximal_priors()):
        if prior is not None:
            out.append(prior.prox(next(blocks), problem.expand(1 / penalty, index)))
    for _, prior, operator in problem.composed_priors():
        out.append(prior.prox(next(blocks), _times(1 / penalty, torch.ones((), dtype=penalty.dtype), len(operator.range))))
    if not isinstance(problem.noise, Gaussian):
        out.append(problem.noise.prox(next(blocks), y, problem.expand_data(1 / penalty)))
    return tuple(out)


def _transpose(problem: Problem, blocks: tuple[Tensor, ...], like: Coefficients, *, data: bool) -> Coefficients:
    """sum_b M_b^* blocks_b, with or without the data block."""
    rest = iter(blocks)
    total = [
        torch.zeros_like(part) if prior is None else next(rest) for part, prior in zip(like, problem.proximal_priors(), strict=True)
    ]
    for index, _, operator in problem.composed_priors():
        total[index] = total[index] + operator.adjoint(next(rest))
    if data and not isinstance(problem.noise, Gaussian):
        total = list(add(tuple(total), problem.adjoint(next(rest))))
    return tuple(total)


def _least_squares(problem: Problem, y: Tensor, target: tuple[Tensor, ...], state: ADMMState) -> Coefficients:
    """The minimiser of q(x) + penalty/2 sum_b |M_b x - target_b|^2."""
    if isinstance(problem.noise, Gaussian):  # divide by the penalty: alpha A^*A + M^*M with alpha = curvature / penalty
        alpha = problem.noise.lipschitz(problem.event_dims).to(state.penalty) / state.penalty
        data = y
    else:
        alpha = torch.ones_like(state.penalty)
        data = target[-1]
    right = _transpose(problem, target, state.coefficients, data=False)
    right = add(right, scale_items(problem, alpha, problem.adjoint(data)))
    cogram = problem.cogram_scale()
    if cogram is not None and not problem.composed_priors() and all(p is not None for p in problem.proximal_priors()):
        # (alpha A^*A + I)^-1 = I - alpha / (1 + alpha c) A^*A  where A A^* = c I
        correction = problem.adjoint(problem.synthesize(right))
        return add(right, scale_items(problem, alpha / (1 + alpha * cogram), correction), -1)

    def normal(x: Coefficients) -> Coefficients:
        image = _image(problem, x)
        out = _transpose(problem, image, x, data=False)
        return add(out, scale_items(problem, alpha, problem.adjoint(problem.synthesize(x))))

    return _conjugate_gradients(problem, normal, right, state.coefficients)


def _conjugate_gradients(
    problem: Problem,
    normal: Callable[[Coefficients], Coefficients],
    right: Coefficients,
    start: Coefficients,
    iterations: int = 20,
) -> Coefficients:
    """Conjugate gradients for normal(x) = right, all batch items at once, without waiting for the device."""
    x = start
    residual = add(right, normal(x), -1)
    direction = residual
    energy = dot(problem, residual, residual)
    tiny = torch.finfo(energy.dtype).tiny
    for _ in range(iterations):
        image = normal(direction)
        step = energy / dot(problem, direction, image).clamp_min(tiny)
        x = add(x, scale_items(problem, step, direction))
        residual = add(residual, scale_items(problem, step, image), -1)
        new = dot(problem, residual, residual)
        direction = add(residual, scale_items(problem, new / energy.clamp_min(tiny), direction))
        energy = new
    return x


def _balance(
    problem: Problem, state: ADMMState, image: tuple[Tensor, ...], split: tuple[Tensor, ...], dual: tuple[Tensor, ...]
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Multiply the penalty by sqrt(primal / dual relative residual), at most fivefold a time, and rescale the duals."""
    dims = _block_dims(problem)
    like = state.coefficients
    primal = _norm(tuple(m - w for m, w in zip(image, split, strict=True)), dims)
    primal = primal / torch.maximum(_norm(image, dims), _norm(split, dims)).clamp_min(torch.finfo(primal.dtype).tiny)
    change = tuple(w - old for w, old in zip(split, state.split, strict=True))
    moved = norm(problem, _transpose(problem, change, like, data=True))
    # All blocks together sum to M^* d = 0 at the optimum; those of the priors alone balance the slope of the data term.
    size = norm(problem, _transpose(problem, dual, like, data=False))
    dual_residual = moved / size.clamp_min(torch.finfo(moved.dtype).tiny)
    factor = (primal / dual_residual.clamp_min(torch.finfo(moved.dtype).tiny)).sqrt().clamp(0.2, 5.0)
    factor = torch.where(torch.isfinite(factor), factor, torch.ones_like(factor))
    return state.penalty * factor, tuple(_times(1 / factor, d, n) for d, n in zip(dual, dims, strict=True))


def _block_dims(problem: Problem) -> tuple[int, ...]:
    dims = [problem.component_dims(i) for i, prior in enumerate(problem.proximal_priors()) if prior is not None]
    dims += [len(operator.range) for _, _, operator in problem.composed_priors()]
    if not isinstance(problem.noise, Gaussian):
        dims.append(problem.event_dims)
    return tuple(dims)


def _norm(blocks: tuple[Tensor, ...], dims: tuple[int, ...]) -> Tensor:
    return torch.stack([squared_norm(b, n) for b, n in zip(blocks, dims, strict=True)]).sum(dim=0).sqrt()
