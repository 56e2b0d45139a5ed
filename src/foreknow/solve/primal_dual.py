"""The primal-dual hybrid gradient method with a smooth term (Condat-Vu), for priors composed with operators."""

import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foreknow.errors import ParameterError, UnsupportedError
from foreknow.parameters import Bounded, Parameter, Positive, number, present
from foreknow.problem import Coefficients, Problem
from foreknow.shapes import squared_norm
from foreknow.solve.algorithm import Algorithm, Iterate
from foreknow.solve.blocks import add, norm, scale_items


@dataclass(frozen=True)
class PDHGState:
    """Coefficients, one dual variable a block, the primal weight omega and its adaptation rate (*batch,), bounds, step count."""

    coefficients: Coefficients
    dual: tuple[Tensor, ...]
    weight: Tensor
    rate: Tensor
    curvature: Tensor
    coupling: Tensor
    count: int


class PDHG(Algorithm[PDHGState]):
    """x <- prox_{tau g}(x - tau (grad D + M^* v)), v <- prox_{sigma h^*}(v + sigma M (2 x_new - x)) (Condat 2013; Vu 2013).

    The blocks h are the composed parts of the priors, and the data term unless it is smooth. The steps fulfil
    1/tau - sigma |M|^2 >= L/2 (Condat 2013, theorem 3.1) with the bounds of the operators' norms. The ratio of the two steps (the
    primal weight) is balanced by the residuals with a rate that dies out geometrically, so that the method still converges
    (Goldstein, Li and Yuan 2015).

    Args:
        safety: the fraction of the largest allowed steps, in (0, 1].
        weight: initial primal weight sqrt(sigma / tau) scale; None to take it from the data.
    """

    def __init__(self, safety: float = 0.99, weight: float | None = None) -> None:
        if not 0 < safety <= 1:
            message = f"the safety factor of PDHG must be in (0, 1], not {safety}"
            raise ParameterError(message)
        self.safety: float | Parameter = safety
        self.weight = weight
        self.weight_factor: float | Parameter = 1.0

    def check(self, problem: Problem) -> None:
        """Needs a proximal map for every part that the priors split into."""
        for name, (_, composed) in zip(problem.names, problem.splits(), strict=True):
            if not all(prior.has_prox for prior, _ in composed):
                message = f"PDHG needs a proximal map for every part of the prior of component {name!r}"
                raise UnsupportedError(message)

    def init(self, problem: Problem, y: Tensor, start: Coefficients) -> PDHGState:
        """Start from ``start`` with zero dual variables."""
        ones = torch.ones(problem.batch_shape(y), dtype=y.dtype.to_real(), device=y.device)
        curvature, coupling = _bounds(problem, ones)
        dual = tuple(torch.zeros_like(block) for block in _image(problem, start))
        weight = _initial_weight(problem, y, ones) if self.weight is None else self.weight * ones
        weight = number(self.weight_factor, ones) * weight
        return PDHGState(start, dual, weight, torch.full_like(ones, 0.5), curvature, coupling, 0)

    def transfer(self, problem: Problem, y: Tensor, state: PDHGState) -> PDHGState:  # noqa: ARG002
        """The same variables with the norms of this problem's operators, and the primal weight times this copy's factor."""
        curvature, coupling = _bounds(problem, torch.ones_like(state.weight))
        weight = number(self.weight_factor, state.weight) * state.weight
        return replace(state, weight=weight, curvature=curvature, coupling=coupling)

    def with_learned_steps(self) -> "PDHG":
        """The fraction of the largest allowed steps, in (0, 1), and a positive factor of the primal weight."""
        clone = copy.copy(self)
        clone.safety = Bounded(min(float(present(self.safety)), 0.999), 0.0, 1.0)
        clone.weight_factor = Positive(1.0)
        return clone

    def _steps(self, state: PDHGState) -> tuple[Tensor, Tensor]:
        """Tau and sigma = weight / |M|; 1/tau = L/2 + sigma |M|^2."""
        size = state.coupling.sqrt()
        sigma = state.weight / size.clamp_min(torch.finfo(size.dtype).tiny)
        sigma = torch.where(size > 0, sigma, torch.ones_like(sigma))
        return number(self.safety, size) / (state.curvature / 2 + sigma * state.coupling), sigma

    def step(self, problem: Problem, y: Tensor, state: PDHGState) -> PDHGState:
        """One primal step, one dual step from the extrapolated point; the weight every tenth step."""
        tau, sigma = self._steps(state)
        slope = _transpose(problem, state.dual, state.coefficients)
        if problem.noise.smooth:
            slope = add(slope, problem.adjoint(problem.noise.gradient(problem.synthesize(state.coefficients), y)))
        x = problem.prox(add(state.coefficients, scale_items(problem, tau, slope), -1), tau)
        image = _image(problem, add(add(x, x), state.coefficients, -1))
        dual = _dual_prox(problem, y, state.dual, image, sigma)
        weight, rate = state.weight, state.rate
        if state.count % 10 == 9:
            weight, rate = _balance(problem, state, x, dual, tau, sigma)
        return PDHGState(x, dual, weight, rate, state.curvature, state.coupling, state.count + 1)

    def iterate(self, problem: Problem, y: Tensor, state: PDHGState) -> Iterate:  # noqa: ARG002
        """The coefficients and the dual variables."""
        count = len(problem.composed_priors())
        return Iterate(state.coefficients, None if problem.noise.smooth else state.dual[-1], state.dual[:count])


def _bounds(problem: Problem, ones: Tensor) -> tuple[Tensor, Tensor]:
    """The Lipschitz constant of the smooth term and |M|^2, (*batch,)."""
    squares = [operator.norm().square().to(ones) for _, _, operator in problem.composed_priors()]
    curvature = torch.zeros_like(ones)
    if problem.noise.smooth:
        curvature = ones * (problem.noise.lipschitz(problem.event_dims).to(ones) * problem.squared_norm_bound().to(ones))
    else:
        squares.append(problem.squared_norm_bound().to(ones))
    coupling = ones * (torch.stack(squares).sum() if squares else torch.zeros((), dtype=ones.dtype, device=ones.device))
    return curvature, coupling


def _image(problem: Problem, x: Coefficients) -> tuple[Tensor, ...]:
    image = [operator(x[index]) for index, _, operator in problem.composed_priors()]
    if not problem.noise.smooth:
        image.append(problem.synthesize(x))
    return tuple(image)


def _transpose(problem: Problem, dual: tuple[Tensor, ...], like: Coefficients) -> Coefficients:
    total = [torch.zeros_like(part) for part in like] if problem.noise.smooth else list(problem.adjoint(dual[-1]))
    for (index, _, operator), v in zip(problem.composed_priors(), dual, strict=False):
        total[index] = total[index] + operator.adjoint(v)
    return tuple(total)


def _shaped(value: Tensor, dims: int) -> Tensor:
    return value.reshape(value.shape + (1,) * dims)


def _dual_prox(
    problem: Problem, y: Tensor, dual: tuple[Tensor, ...], image: tuple[Tensor, ...], sigma: Tensor
) -> tuple[Tensor, ...]:
    """prox_{sigma h^*}(v + sigma m) = p - sigma prox_{h / sigma}(p / sigma) (Moreau)."""
    out = []
    composed = problem.composed_priors()
    for index, (v, m) in enumerate(zip(dual, image, strict=True)):
        if index < len(composed):
            _, prior, operator = composed[index]
            s = _shaped(sigma, len(operator.range))
            moved = v + s * m
            out.append(moved - s * prior.prox(moved / s, 1 / s))
        else:
            s = _shaped(sigma, problem.event_dims)
            moved = v + s * m
            out.append(moved - s * problem.noise.prox(moved / s, y, 1 / s))
    return tuple(out)


def _initial_weight(problem: Problem, y: Tensor, ones: Tensor) -> Tensor:
    """The size of a dual solution over that of a primal one: prior value over the energy of the signal."""
    back = problem.adjoint(y)
    size = norm(problem, back)
    value = problem.prior_value(back)
    weight = value / size.square().clamp_min(torch.finfo(ones.dtype).tiny)
    return torch.where(torch.isfinite(weight) & (weight > 0), weight, ones)


def _balance(
    problem: Problem, state: PDHGState, x: Coefficients, dual: tuple[Tensor, ...], tau: Tensor, sigma: Tensor
) -> tuple[Tensor, Tensor]:
    """Grow the weight where the primal residual dominates, shrink it where the dual does; the rate decays."""
    dims = [len(operator.range) for _, _, operator in problem.composed_priors()]
    if not problem.noise.smooth:
        dims.append(problem.event_dims)
    if not dims:
        return state.weight, state.rate
    moved = add(x, state.coefficients, -1)
    change = tuple(new - old for new, old in zip(dual, state.dual, strict=True))
    primal = norm(problem, add(scale_items(problem, 1 / tau, moved), _transpose(problem, change, x)))
    gaps = [squared_norm(c / _shaped(sigma, n) - m, n) for c, m, n in zip(change, _image(problem, moved), dims, strict=True)]
    dual_residual = torch.stack(gaps).sum(dim=0).sqrt()
    size_dual = torch.stack([squared_norm(v, n) for v, n in zip(dual, dims, strict=True)]).sum(dim=0).sqrt()
    tiny = torch.finfo(primal.dtype).tiny
    primal = primal / (size_dual * state.coupling.sqrt()).clamp_min(tiny)
    dual_residual = dual_residual / (norm(problem, x) * state.coupling.sqrt()).clamp_min(tiny)
    up = primal < dual_residual / 2  # the constraint M x = w lags: a larger dual step
    down = primal > 2 * dual_residual
    factor = torch.where(up, 1 + state.rate, torch.where(down, 1 / (1 + state.rate), torch.ones_like(state.rate)))
    rate = torch.where(up | down, 0.97 * state.rate, state.rate)
    return state.weight * factor, rate
