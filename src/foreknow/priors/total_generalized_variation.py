"""Total generalised variation of second order: piecewise affine signals, images and volumes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import torch
from torch import Tensor

from foreknow.errors import ParameterError, UnsupportedError
from foreknow.operators.difference import FiniteDifference
from foreknow.parameters import Parameter
from foreknow.priors.base import Prior
from foreknow.priors.inner_solver import Accuracy
from foreknow.priors.total_variation_dual import DualBall
from foreknow.shapes import expand_event, inner, squared_norm, sum_event


@dataclass(frozen=True)
class GeneralizedState:
    """Where the inner solver stopped: what the next call can start from, and its certificate.

    Attributes:
        x: the primal point, (*batch, *event).
        slope: the slopes v that x was compared with, (*batch, d, *event).
        first: the dual variable of D x - v, (*batch, d, *event).
        second: the dual variable of E v, (*batch, d, d, *event).
        certificate: z = D^* q of a feasible q, (*batch, *event): a subgradient at the solution, up to the gap.
        gap: the duality gap, (*batch,).
        iterations: how many were made.
    """

    x: Tensor
    slope: Tensor
    first: Tensor
    second: Tensor
    certificate: Tensor
    gap: Tensor
    iterations: int


class TotalGeneralizedVariation(Prior):
    r"""w min_v sum \|D x - v\|_2 + ratio sum \|E v\|_F: piecewise affine, with edges and creases (Bredies, Kunisch and Pock 2010).

    D are forward differences, E their symmetrised differences, both only where all their samples are inside, so that affine x has
    the value 0. Value and proximal map are found to a duality gap by the primal-dual method (Chambolle and Pock 2011, algorithm
    1), in double precision. The value is the lower bound of the gap; its gradient is the dual certificate, a subgradient.
    Gradients flow through value and envelope; through the proximal map there are none, and backward says so. Real x.

    Args:
        weight: a number, a tensor (\*batch, 1, ..., 1), or a `Parameter`.
        ratio: how much a change of slope costs against a step; 2 is usual.
        event_dims: number of trailing axes of one event.
        accuracy: of the inner solver.

    Raises:
        ParameterError: if the ratio is not positive.
    """

    homogeneity = 1.0

    def __init__(
        self,
        weight: float | Tensor | Parameter = 1.0,
        ratio: float = 2.0,
        event_dims: int = 2,
        accuracy: Accuracy | None = None,
    ) -> None:
        super().__init__(weight, event_dims)
        if not ratio > 0:
            message = f"the ratio of total generalised variation is positive, not {ratio}"
            raise ParameterError(message)
        self.ratio = ratio
        self.accuracy = accuracy or Accuracy()

    def prox_from(
        self, x: Tensor, step: float | Tensor = 1.0, state: GeneralizedState | None = None
    ) -> tuple[Tensor, GeneralizedState]:
        """The proximal map, started from the state of an earlier call on a tensor of the same shape.

        Args:
            x: (*batch, *event), real.
            step: positive; a number, or a tensor (*batch, 1, ..., 1).
            state: what an earlier call returned; None starts from nothing.

        Returns:
            The proximal point and the new state.
        """
        self._check(x)
        return self._solve_prox(x, step * self.weight_like(x), state)

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        return self._solve_prox(x, threshold, None)[0]

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:
        y = self._require_real(x.detach())
        with torch.no_grad():
            problem = _Problem(y, torch.ones((), dtype=torch.float64, device=y.device), self.ratio, self.event_dims)
            state = problem.solve(lambda x, _: y.expand_as(x), problem.value_gap, self.accuracy, None)
        return self._per_item(weight) * inner(x, state.certificate.to(x.dtype), self.event_dims)

    def _solve_prox(self, x: Tensor, threshold: Tensor, state: GeneralizedState | None) -> tuple[Tensor, GeneralizedState]:
        y = self._require_real(x.detach())
        with torch.no_grad():
            levels = self._per_item(threshold.detach()).to(torch.float64)
            problem = _Problem(y, levels, self.ratio, self.event_dims)
            state = problem.solve(lambda x, tau: (x + tau * y) / (1 + tau), problem.prox_gap, self.accuracy, state)
            result = (y - state.certificate).to(x.dtype)
        return _NoDerivative.apply(result, x, threshold), state  # type: ignore[no-untyped-call]

    def _require_real(self, x: Tensor) -> Tensor:
        if x.is_complex():
            message = "total generalised variation is for real tensors; TotalVariation takes complex ones"
            raise UnsupportedError(message)
        return x.to(torch.float64)

    def _symbol(self) -> str:
        return "TGV({x})"

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"event_dims={self.event_dims}, ratio={self.ratio}"


class _Problem:
    """One inner problem: min over x and v of data(x) + t (sum |D x - v| + ratio sum |E v|)."""

    def __init__(self, y: Tensor, threshold: Tensor, ratio: float, dims: int) -> None:
        event = tuple(y.shape[y.ndim - dims :])
        self.y, self.dims, self.difference = y, dims, FiniteDifference(event)
        self.threshold = threshold.expand(y.shape[: y.ndim - dims])
        self.ratio = ratio
        inside = self.difference(torch.zeros_like(y[(0,) * (y.ndim - dims)]))
        last = [torch.arange(size, device=y.device) for size in event]
        grids = torch.meshgrid(*last, indexing="ij")
        inside = torch.stack([grid < size - 1 for grid, size in zip(grids, event, strict=True)])
        both = inside.unsqueeze(0) & inside.unsqueeze(1)
        for axis, (grid, size) in enumerate(zip(grids, event, strict=True)):
            both[axis, axis] = grid < size - 2
        self.inside = inside.to(y.dtype)  # where D x, and so v, has all its samples: (d, *event)
        self.both = both.to(y.dtype)  # where E v has: (d, d, *event)
        self.first_ball = DualBall((-dims - 1,))
        self.second_ball = DualBall((-dims - 2, -dims - 1))
        norm = float(self.difference.norm())
        self.norm = float(torch.linalg.matrix_norm(torch.tensor([[norm, 1.0], [0.0, norm]], dtype=torch.float64), 2))

    def bend(self, slope: Tensor) -> Tensor:
        """E v: the symmetrised differences of the slopes."""
        differences = self.difference(slope) * self.both
        return (differences + differences.transpose(-self.dims - 2, -self.dims - 1)) / 2

    def bend_adjoint(self, q: Tensor) -> Tensor:
        """E^* q."""
        symmetric = (q + q.transpose(-self.dims - 2, -self.dims - 1)) / 2
        return self.difference.adjoint(symmetric * self.both)

    def solve(
        self,
        resolvent: Callable[[Tensor, float], Tensor],
        gap: Callable[["GeneralizedState"], tuple[Tensor, Tensor, Tensor]],
        accuracy: Accuracy,
        start: GeneralizedState | None,
    ) -> GeneralizedState:
        """The primal-dual iteration from ``start`` until ``gap`` (gap, objective, certificate) is small enough."""
        step = 0.99 / self.norm if self.norm > 0 else 1.0
        first_radius = expand_event(self.threshold, self.dims + 1)
        second_radius = expand_event(self.ratio * self.threshold, self.dims + 2)
        state = start or self._zero()
        found, objective, certificate = gap(state)
        state = replace(state, gap=found, certificate=certificate, iterations=0)
        x, slope, first, second = state.x, state.slope, state.first, state.second
        ahead_x, ahead_slope = x, slope
        count = 0
        resolution = torch.zeros_like(self.threshold)
        while not accuracy.reached(state.gap, objective, resolution):
            if count >= accuracy.max_iterations:
                accuracy.warn("total generalised variation", state.gap, objective)
                break
            for _ in range(accuracy.check_every):
                first = self.first_ball.project(first + step * (self.difference(ahead_x) - ahead_slope), first_radius)
                second = self.second_ball.project(second + step * self.bend(ahead_slope), second_radius)
                new_x = resolvent(x - step * self.difference.adjoint(first), step)
                new_slope = slope + step * (first * self.inside - self.bend_adjoint(second))
                ahead_x, ahead_slope = 2 * new_x - x, 2 * new_slope - slope
                x, slope = new_x, new_slope
            count += accuracy.check_every
            state = GeneralizedState(x, slope, first, second, certificate, found, count)
            found, objective, certificate = gap(state)
            state = replace(state, gap=found, certificate=certificate)
        return state

    def value_gap(self, state: GeneralizedState) -> tuple[Tensor, Tensor, Tensor]:
        """Gap, objective and certificate of the value at y."""
        certificate = self._feasible(state)
        objective = self._energy(self.y, state.slope)
        return (objective - inner(self.y, certificate, self.dims)).abs(), objective, certificate

    def prox_gap(self, state: GeneralizedState) -> tuple[Tensor, Tensor, Tensor]:
        """Gap, objective and certificate of the proximal point y - certificate."""
        certificate = self._feasible(state)
        half = squared_norm(certificate, self.dims) / 2
        objective = self._energy(self.y - certificate, state.slope) + half
        return (objective - inner(self.y, certificate, self.dims) + half).abs(), objective, certificate

    def _energy(self, x: Tensor, slope: Tensor) -> Tensor:
        steps = sum_event(self.first_ball.norm(self.difference(x) - slope), self.dims + 1)
        bends = sum_event(self.second_ball.norm(self.bend(slope)), self.dims + 2)
        return self.threshold * (steps + self.ratio * bends)

    def _feasible(self, state: GeneralizedState) -> Tensor:
        """D^* E^* q with q scaled until |q| <= t ratio and |E^* q| <= t hold."""
        q = self.bend_adjoint(state.second)
        largest = self.first_ball.norm(q).flatten(-self.dims - 1).amax(-1)
        bends = self.second_ball.norm(state.second).flatten(-self.dims - 2).amax(-1) / self.ratio
        scale = self.threshold / torch.maximum(torch.maximum(largest, bends), self.threshold).clamp_min(1e-300)
        return self.difference.adjoint(expand_event(scale, self.dims + 1) * q)

    def _zero(self) -> GeneralizedState:
        slope = torch.zeros_like(self.difference(self.y))
        second = torch.zeros_like(self.difference(slope))
        return GeneralizedState(self.y, slope, slope, second, torch.zeros_like(self.y), torch.zeros_like(self.threshold), 0)


class _NoDerivative(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, result: Tensor, *inputs: Tensor) -> Tensor:  # noqa: ANN401, ARG004
        return result.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> NoReturn:  # noqa: ANN401, ARG004
        message = "the proximal map of total generalised variation has no derivative here; use its envelope or value"
        raise UnsupportedError(message)
