"""How far from optimal: duality gaps that are never optimistic, and residuals where there is no gap."""

import enum
from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import UnsupportedError
from foreknow.noise import Exact
from foreknow.priors.base import Prior
from foreknow.problem import Coefficients, Problem
from foreknow.shapes import expand_event, sum_event
from foreknow.solve.algorithm import Iterate
from foreknow.solve.dual_point import flatness, into_composed_domains, into_domain, nearer_to_domain
from foreknow.solve.precision import as_double

__all__ = ["Certificate", "CertificateKind", "as_double", "duality_gap", "in_double"]

_VANISHING = 1e-14  # a step whose proximal map moves a point into the domain and no further
_ROUNDING = 64 * torch.finfo(torch.float64).eps  # of the sum of all terms: what evaluating them may be wrong by


class CertificateKind(enum.Enum):
    """What a certificate measures."""

    DUALITY_GAP = "duality gap"
    FIXED_POINT_RESIDUAL = "fixed-point residual"


@dataclass(frozen=True)
class Certificate:
    """A measure of what is left to gain.

    Attributes:
        kind: a duality gap bounds ``objective - optimum`` from above; a fixed-point residual is the relative change that one more
            step makes, and bounds nothing.
        absolute: (*batch,), float64.
        relative: (*batch,), float64: the gap over the objective, or the residual over the size of the iterate.
        objective: of the candidate, (*batch,), float64, where it is known.
        bound: what the optimum is known not to be below, (*batch,), float64; None for a residual.
    """

    kind: CertificateKind
    absolute: Tensor
    relative: Tensor
    objective: Tensor | None = None
    bound: Tensor | None = None

    @property
    def worst(self) -> float:
        """The largest relative value in the batch."""
        return float(self.relative.max())


def in_double(problem: Problem, y: Tensor, iterate: Iterate) -> Iterate:
    """The candidate in double precision, inside the sets of the priors and, for an `Exact` data term, on sum_i A_i x_i = y.

    A point that single precision rounded out of a set (an interval that ends at 0.3, say) is projected back. A component of a
    tight frame (A A^* = c I) absorbs the residual r by x + A^* r / c; of several, the one whose move costs least, chosen for the
    whole batch. Certificates and objectives are of this point.
    """
    priors = zip(problem.declared_priors(), problem.proximal_priors(), iterate.coefficients, strict=True)
    double = Iterate(
        tuple(_inside(declared, part, as_double(x)) for declared, part, x in priors),
        None if iterate.data_dual is None else as_double(iterate.data_dual),
        tuple(as_double(v) for v in iterate.prior_duals),
    )
    if not isinstance(problem.noise, Exact):
        return double
    x = double.coefficients
    residual = as_double(y) - problem.synthesize(x)
    best: Coefficients | None = None
    least = torch.inf
    for index, operator in enumerate(problem.linear_operators()):
        if operator.cogram_scale is None:
            continue
        moved = (*x[:index], x[index] + operator.adjoint(residual) / operator.cogram_scale, *x[index + 1 :])
        value = float(problem.prior_value(moved).sum())
        if best is None or value < least:
            best, least = moved, value
    return double if best is None else Iterate(best, double.data_dual, double.prior_duals)


def duality_gap(
    problem: Problem, y: Tensor, iterate: Iterate, dual_steps: int = 0, bound: Tensor | None = None
) -> Certificate | None:
    r"""The Fenchel-Rockafellar gap of a candidate, evaluated in float64 with a scaled, feasible dual point.

    For min_x D(Ax; y) + sum_i g_i(x_i) + sum_j h_j(K_j x), any u, v_j give the bound
    -D^*(u) - sum_j h_j^*(v_j) - sum_i g_i^*(-A_i^* u - sum_j K_j^* v_j) of the optimum from below (Rockafellar 1970, theorem 31.2).
    u is the gradient of the data term or the algorithm's own dual, moved to where the slopes obey the equalities and signs that
    the conjugates ask for (`into_domain`); then all are scaled by the largest t <= 1 that makes every conjugate finite. What
    rounding leaves is added to the gap: 64 eps of the sum of all terms, and `flatness`. A component without a proximal part needs
    A_i^* u = -K^* v exactly: u is then computed from v, which takes an orthogonal A_i.

    Args:
        problem: bound to the shape of y; convex.
        y: the data, (*batch, *shape).
        iterate: the candidate, as `in_double` gives it.
        dual_steps: steps that the dual point walks towards the domain of the conjugates (`nearer_to_domain`) before it is scaled;
            each costs two steps of a solver or so, and of both points the better one counts.
        bound: a lower bound of the optimum that is known already (of an earlier candidate), (*batch,); the better one counts.

    Returns:
        The certificate, or None where no finite gap can be had (no conjugate in closed form, not convex, or the candidate is
        outside a set that an operator maps into).
    """
    if not problem.convex:
        return None
    with torch.no_grad():
        try:
            return _gap(problem, as_double(y), iterate, dual_steps, bound)
        except UnsupportedError:
            return None


def _gap(problem: Problem, y: Tensor, iterate: Iterate, dual_steps: int, bound: Tensor | None) -> Certificate | None:
    x = iterate.coefficients
    composed = problem.composed_priors()
    if len(iterate.prior_duals) != len(composed):
        return None
    v = into_composed_domains(problem, iterate.prior_duals)
    z = problem.synthesize(x)
    data_value = problem.noise.value(z, y, problem.event_dims)
    primal = data_value + problem.prior_value(x)
    if not bool(torch.isfinite(primal).all()):
        return None

    def primal_minus_dual(u: Tensor, all_slopes: Coefficients) -> Tensor:
        scale = problem.noise.dual_scale(u, problem.event_dims)
        for (_, prior, operator), dual in zip(composed, v, strict=True):
            scale = torch.minimum(scale, _least(prior.dual_scale(dual), len(operator.range) - prior.event_dims))
        slopes = tuple((i, part, all_slopes[i]) for i, part in enumerate(problem.proximal_priors()) if part is not None)
        for index, part, slope in slopes:
            scale = torch.minimum(scale, _least(part.dual_scale(slope), problem.component_dims(index) - part.event_dims))

        dual_terms = [problem.noise.conjugate(problem.expand_data(scale) * u, y, problem.event_dims)]
        for (_, prior, operator), dual in zip(composed, v, strict=True):
            shaped = scale.reshape(scale.shape + (1,) * len(operator.range)) if scale.ndim else scale
            dual_terms.append(sum_event(prior.conjugate(shaped * dual), len(operator.range) - prior.event_dims))
        for index, prior, slope in slopes:
            value = prior.conjugate(problem.expand(scale, index) * slope)
            dual_terms.append(sum_event(value, problem.component_dims(index) - prior.event_dims))
        dual = -torch.stack(dual_terms).sum(dim=0)
        magnitude = primal.abs() + torch.stack([term.abs() for term in dual_terms]).sum(dim=0)
        absolute = (primal - dual).clamp_min(0) + _ROUNDING * magnitude + scale * flatness(problem, slopes, x)
        return torch.where(torch.isfinite(absolute), absolute, torch.inf)

    pulled = _pulled(problem, v, x) if composed else None
    u = _data_dual(problem, y, z, iterate, pulled)
    if u is None:
        return None
    candidates = [u] if dual_steps == 0 else [u, nearer_to_domain(problem, u, pulled, dual_steps)]
    gaps = [primal_minus_dual(*into_domain(problem, candidate, pulled)) for candidate in candidates]
    if bound is not None:
        gaps.append((primal - bound).clamp_min(0) + _ROUNDING * primal.abs())
    absolute = torch.stack(gaps).amin(dim=0)
    relative = absolute / primal.abs().clamp_min(torch.finfo(torch.float64).tiny)
    return Certificate(CertificateKind.DUALITY_GAP, absolute, relative, primal, primal - absolute)


def _pulled(problem: Problem, duals: tuple[Tensor, ...], like: Coefficients) -> Coefficients:
    """sum_j K_j^* v_j for each component."""
    pulled = [torch.zeros_like(part) for part in like]
    for (index, _, operator), dual in zip(problem.composed_priors(), duals, strict=True):
        pulled[index] = pulled[index] + operator.adjoint(dual)
    return tuple(pulled)


def _data_dual(problem: Problem, y: Tensor, z: Tensor, iterate: Iterate, pulled: Coefficients | None) -> Tensor | None:
    """The dual variable u of the data term, or None where the equality that a component asks for cannot be met."""
    free = [index for index, prior in enumerate(problem.proximal_priors()) if prior is None]
    if len(free) > 1:
        return None
    if free:
        operator = problem.linear_operators()[free[0]]
        composed = any(index == free[0] for index, _, _ in problem.composed_priors())
        if pulled is None or not composed or operator.gram_scale is None or operator.cogram_scale is None:
            return None
        return -operator(pulled[free[0]]) / operator.cogram_scale
    if iterate.data_dual is None and not problem.noise.smooth:
        return None
    return problem.noise.gradient(z, y) if iterate.data_dual is None else iterate.data_dual


def _inside(declared: Prior, part: Prior | None, x: Tensor) -> Tensor:
    """X where the prior is finite, else the proximal point of a vanishing step, of the whole prior or of its part that has one."""
    prior = declared if declared.has_prox else part
    if prior is None or not prior.has_value:
        return x
    outside = torch.isinf(prior.value(x))
    if not bool(outside.any()):
        return x
    return torch.where(expand_event(outside, prior.event_dims), prior.prox(x, _VANISHING), x)


def _least(value: Tensor, dims: int) -> Tensor:
    return value.flatten(value.ndim - dims).amin(dim=-1) if dims else value
