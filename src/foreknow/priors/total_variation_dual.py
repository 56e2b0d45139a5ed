"""The proximal map of a group norm of finite differences by accelerated projection in the dual, and its implicit derivative."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from foreknow.operators.difference import FiniteDifference
from foreknow.priors.inner_solver import Accuracy
from foreknow.shapes import expand_event, inner, squared_norm, sum_event


@dataclass(frozen=True)
class DualState:
    """Where an inner solver stopped: what the next call can start from, and its certificate.

    Attributes:
        dual: the dual variable, (*batch, d, *event).
        gap: the duality gap, (*batch,): |z - exact prox|^2 <= 2 gap.
        iterations: how many were made.
    """

    dual: Tensor
    gap: Tensor
    iterations: int


@dataclass(frozen=True)
class DualBall:
    """The set of all q whose groups have Euclidean norm at most t.

    Attributes:
        axes: the axes of one group, from the end; none: every (real or complex) number is a group.
    """

    axes: tuple[int, ...]

    def _sum(self, x: Tensor) -> Tensor:
        return x.sum(dim=self.axes, keepdim=True) if self.axes else x

    def norm(self, q: Tensor) -> Tensor:
        """The norm of each group, with size 1 along the axes of a group."""
        return self._sum(squared_norm(q, 0)).sqrt() if self.axes else q.abs()

    def project(self, q: Tensor, radius: Tensor) -> Tensor:
        """The nearest point of the ball."""
        if not self.axes and not q.is_complex():
            return torch.clamp(q, -radius, radius)
        return q * (radius / torch.maximum(self.norm(q), radius).clamp_min(torch.finfo(q.dtype).tiny))

    def root_derivative(self, q: Tensor, radius: Tensor) -> Callable[[Tensor], Tensor]:
        """The square root of the derivative of the projection at q: the identity inside, sqrt(t/|q|) (I - n n^T) outside."""
        norm = self.norm(q)
        outside = norm > radius
        direction = torch.where(outside, q / norm.clamp_min(torch.finfo(norm.dtype).tiny), torch.zeros_like(q))
        factor = torch.where(outside, radius / norm.clamp_min(torch.finfo(norm.dtype).tiny), 1.0).sqrt()
        return lambda v: factor * (v - direction * self._sum((direction.conj() * v).real if v.is_complex() else direction * v))


def solve_dual(
    y: Tensor, threshold: Tensor, operator: FiniteDifference, ball: DualBall, accuracy: Accuracy, start: DualState | None
) -> DualState:
    """Minimise 1/2 |y - D^* q|^2 over the ball by projected gradients with Nesterov's momentum and adaptive restart.

    Beck and Teboulle (2009, the fast gradient projection of section 4), O'Donoghue and Candes (2015). Each batch item restarts by
    itself. The gap at z = y - D^* q is threshold |D z| - <q, D z>, a sum of non-negative terms. Rounding of z alone makes it
    uncertain by eps threshold |y - mean|_1; closer than four times that is not asked for.

    Args:
        y: (*batch, *event).
        threshold: (), or (*batch,).
        operator: D, bound to the event.
        ball: the groups.
        accuracy: when to stop.
        start: a state of an earlier call on a tensor of the same shape.
    """
    dims, dual_dims = operator.domain_dims, operator.range_dims
    radius = expand_event(threshold, dual_dims)
    step = _step(operator)
    y = y - y.mean(dim=operator.axes, keepdim=True)  # differences do not see it, but rounding would
    resolution = 4 * torch.finfo(y.dtype).eps * len(operator.axes) * threshold * sum_event(y.abs(), dims)

    def certificate(q: Tensor) -> tuple[Tensor, Tensor]:
        z = y - operator.adjoint(q)
        difference = operator(z)
        size = sum_event(radius * ball.norm(difference), dual_dims)
        gap = size - inner(q, difference, dual_dims)
        return gap.abs(), size + squared_norm(z - y, dims) / 2

    q = ball.project(start.dual, radius) if start is not None else operator(torch.zeros_like(y))
    point = q
    momentum = torch.ones(y.shape[: y.ndim - dims], dtype=radius.dtype, device=y.device)
    gap, objective = certificate(q)
    count = 0
    while not accuracy.reached(gap, objective, resolution):
        if count >= accuracy.max_iterations:
            accuracy.warn("the proximal map of total variation", gap, objective)
            break
        for _ in range(accuracy.check_every):
            new = ball.project(operator(y - operator.adjoint(point)).mul_(step).add_(point), radius)
            change = new - q
            restart = inner(point - new, change, dual_dims) > 0
            momentum = torch.where(restart, 1.0, momentum)
            following = (1 + (1 + 4 * momentum.square()).sqrt()) / 2
            weight = torch.where(restart, 0.0, (momentum - 1) / following)
            point = torch.addcmul(new, expand_event(weight, dual_dims).to(new.dtype), change)
            q, momentum = new, following
        count += accuracy.check_every
        gap, objective = certificate(q)
    return DualState(q, gap, count)


def _step(operator: FiniteDifference) -> float:
    square = float(operator.norm()) ** 2
    return 1.0 / square if square > 0 else 1.0


def differentiable_prox(y: Tensor, threshold: Tensor, state: DualState, operator: FiniteDifference, ball: DualBall) -> Tensor:
    """Y - D^* q for the optimal q, with the derivative of the exact minimiser (by the implicit function theorem).

    The derivative solves (I - M + M^1/2 step D D^* M^1/2) r = M^1/2 D g by conjugate gradients, M being the derivative of the
    projection at q + step D z; the Jacobian of a proximal map is symmetric, so one solve serves as its own transpose. Where z has
    no differences exactly at the border of the ball the map has no derivative, and one of the limits is returned.
    """
    return _ImplicitProx.apply(y, threshold, state.dual, operator, ball)  # type: ignore[no-untyped-call]


class _ImplicitProx(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y: Tensor, threshold: Tensor, dual: Tensor, operator: FiniteDifference, ball: DualBall) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(y, threshold, dual)
        ctx.operator, ctx.ball = operator, ball
        return y - operator.adjoint(dual)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, None, None, None]:  # noqa: ANN401
        y, threshold, dual = ctx.saved_tensors
        operator, ball = ctx.operator, ctx.ball
        dims, dual_dims = operator.domain_dims, operator.range_dims
        radius = expand_event(threshold, dual_dims)
        step = _step(operator)
        root = ball.root_derivative(dual + step * operator(y - operator.adjoint(dual)), radius)

        def system(r: Tensor) -> Tensor:
            inside = root(r)
            return r - root(inside) + step * root(operator(operator.adjoint(inside)))

        solution = conjugate_gradients(system, step * root(operator(gradient)), dual_dims)
        correction = operator.adjoint(root(solution))
        of_threshold = None
        if ctx.needs_input_grad[1]:  # by Euler's rule for the map's homogeneity in (y, threshold) together
            slope = inner(correction, y, dims) - inner(gradient, operator.adjoint(dual), dims)
            slope = torch.where(threshold > 0, slope / torch.where(threshold > 0, threshold, 1.0), 0.0)
            of_threshold = slope.sum_to_size(threshold.shape)
        return gradient - correction, of_threshold, None, None, None


def conjugate_gradients(system: Callable[[Tensor], Tensor], right: Tensor, event_dims: int) -> Tensor:
    """Solve a consistent positive semidefinite system for each batch item, to 1e-5 (float32) or 1e-10 (float64) of the residual."""
    x, residual = torch.zeros_like(right), right
    direction, square = residual, squared_norm(right, event_dims)
    limit = (100 * torch.finfo(right.dtype).eps if square.dtype == torch.float32 else 1e-10) ** 2 * square
    tiny = torch.finfo(square.dtype).tiny
    for _ in range(10 * right[(0,) * (right.ndim - event_dims)].numel()):
        if bool((square <= limit).all()):
            break
        image = system(direction)
        length = torch.where(square > limit, square / inner(direction, image, event_dims).clamp_min(tiny), 0.0)
        x = x + expand_event(length, event_dims) * direction
        residual = residual - expand_event(length, event_dims) * image
        following = squared_norm(residual, event_dims)
        direction = residual + expand_event(following / square.clamp_min(tiny), event_dims) * direction
        square = following
    return x
