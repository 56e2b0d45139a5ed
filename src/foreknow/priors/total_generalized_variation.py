"""Total generalised variation of second order: piecewise affine signals, images and volumes."""

from dataclasses import replace

import torch
from torch import Tensor

from foreknow.errors import DataError, ParameterError, UnsupportedError
from foreknow.parameters import Parameter
from foreknow.priors.base import Prior
from foreknow.priors.inner_solver import Accuracy
from foreknow.priors.total_generalized_variation_gradient import ImplicitProximalPoint
from foreknow.priors.total_generalized_variation_operator import StaggeredGrid
from foreknow.priors.total_generalized_variation_solver import GeneralizedState, SlopeProblem, solve
from foreknow.shapes import event_axes, expand_event, inner, sum_event

_INFINITE = 1e30  # the curvature of a data term that leaves x = y in every digit


class TotalGeneralizedVariation(Prior):
    r"""w min_v sum \|D x - v\|_2 + ratio sum \|E v\|_F: piecewise affine, with edges and creases (Bredies, Kunisch and Pock 2010).

    D are forward differences and E their symmetrised differences on a staggered grid without samples beyond the ends
    (`StaggeredGrid`), so that affine x has the value 0 and R(x) <= TV(x). Value and proximal map are found to a duality gap by
    preconditioned ADMM, always in double precision (`solve`); an `InexactProxWarning` tells where it was not reached.

    The value is the upper bound of the gap, never optimistic; its gradient is the dual certificate of the lower one, a subgradient
    up to the gap and not the one of minimum norm. The derivative of the proximal map follows from the implicit function theorem
    (once). There is no closed form of the conjugate, and none of a splitting over x alone: solvers take the proximal map as it is,
    and certify by their residual. Real x only.

    Args:
        weight: a number, a tensor (\*batch, 1, ..., 1), or a `Parameter`.
        ratio: what a change of slope costs against a step, positive; 2 is usual (Knoll et al. 2011).
        event_dims: number of trailing axes of one event, at least 1.
        accuracy: of the inner solver; a relative gap of 1e-5 if None. ``check_every`` is the least pause between two gaps.

    Raises:
        ParameterError: if the ratio is not positive and finite.
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
        if not 0 < ratio < float("inf"):
            message = f"the ratio of total generalised variation is positive and finite, not {ratio}"
            raise ParameterError(message)
        self.ratio = float(ratio)
        self.accuracy = accuracy or Accuracy(tolerance=1e-5, check_every=25)

    def prox_from(
        self, x: Tensor, step: float | Tensor = 1.0, state: GeneralizedState | None = None
    ) -> tuple[Tensor, GeneralizedState]:
        r"""The proximal map, started from the state of an earlier call on a tensor of the same shape.

        Args:
            x: (\*batch, \*event), real.
            step: positive; a number, or a tensor (\*batch, 1, ..., 1).
            state: what an earlier call returned; None starts from nothing.

        Returns:
            The proximal point and the new state.
        """
        self._check(x)
        return self._solve(x, step * self.weight_like(x), state)

    def _check(self, x: Tensor) -> None:
        super()._check(x)
        if x.is_complex():
            message = "total generalised variation is for real tensors; TotalVariation takes complex ones"
            raise UnsupportedError(message)

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        return self._solve(x, threshold, None)[0]

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:
        with torch.no_grad():
            plane, scale, rounding = self._units(x, x.dtype)
            y = (x.to(torch.float64) - plane) / expand_event(scale, self.event_dims)
            problem = SlopeProblem(self._grid(y), y, torch.ones_like(scale), self.ratio, _INFINITE, rounding)
            found = solve(problem, self.accuracy, None, "total generalised variation")
            upper = scale * found.objective
        # <x - x, z> adds nothing but the gradient z
        tilt = inner((x - x.detach()).to(torch.float64), found.certificate, self.event_dims)
        return self._per_item(weight) * (upper + tilt).to(x.dtype)

    def _solve(self, x: Tensor, threshold: Tensor, state: GeneralizedState | None) -> tuple[Tensor, GeneralizedState]:
        levels = self._per_item(threshold).to(torch.float64).expand(x.shape[: x.ndim - self.event_dims])
        with torch.no_grad():
            plane, scale, rounding = self._units(x, torch.float64)  # a gap is a square: rounding of x may not limit it
        wide = expand_event(scale, self.event_dims)
        y, relative = (x.to(torch.float64) - plane) / wide, levels / scale
        with torch.no_grad():
            problem = SlopeProblem(self._grid(y), y.detach(), relative.detach(), self.ratio, 1.0, rounding)
            start = None if state is None else self._relative(state, plane, scale)
            found = solve(problem, self.accuracy, start, "the proximal map of total generalised variation")
        point = ImplicitProximalPoint.apply(y, relative, problem, found)  # type: ignore[no-untyped-call]
        found = _multiplied(found, scale, self.event_dims)
        whole = replace(found, x=found.x + plane, slope=found.slope + self._grid(plane).slope(plane))
        return (plane + wide * point).to(x.dtype), whole

    def _relative(self, state: GeneralizedState, plane: Tensor, scale: Tensor) -> GeneralizedState:
        """A state of an earlier call in the units of this one."""
        moved = replace(state, x=state.x - plane, slope=state.slope - self._grid(plane).slope(plane))
        return _multiplied(moved, 1 / scale, self.event_dims)

    def _units(self, x: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        r"""What x is measured in, all detached: the solver then works alike on every scale, and affine x needs no iteration.

        Args:
            x: (\*batch, \*event).
            dtype: whose rounding counts.

        Returns:
            The affine function nearest to x, (\*batch, \*event), which the value ignores and the proximal map keeps; the mean
            difference of the rest, (\*batch,), 1 where there is none; and what rounding of x is worth in it, (\*batch,).
        """
        y = x.detach().to(torch.float64)
        if not bool(torch.isfinite(y).all()):
            message = "the tensor has entries that are NaN or infinite; total generalised variation needs finite numbers"
            raise DataError(message)
        axes = event_axes(self.event_dims)
        plane = y.mean(dim=axes, keepdim=True).expand_as(y)
        for axis in axes:
            size = y.shape[axis]
            time = torch.arange(size, dtype=y.dtype, device=y.device) - (size - 1) / 2
            time = expand_event(time, -axis - 1)  # of zero mean, and at right angles to those of the other axes
            square = time.square().mean()
            if size > 1:
                plane = plane + (y * time).mean(dim=axes, keepdim=True) / square * time
        rest = y - plane
        rounding = torch.finfo(dtype).eps * sum_event(y.abs(), self.event_dims)
        grid = self._grid(rest)
        scale = sum_event(grid.length(grid.slope(rest)), self.event_dims + 1) / grid.square.numel()
        scale = torch.where(scale * grid.square.numel() > rounding, scale, 1.0)
        return plane, scale, rounding / scale

    def _grid(self, y: Tensor) -> StaggeredGrid:
        return StaggeredGrid(tuple(y.shape[y.ndim - self.event_dims :]), y)

    def _symbol(self) -> str:
        return "TGV({x})"

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"event_dims={self.event_dims}, ratio={self.ratio}"


def _multiplied(state: GeneralizedState, factor: Tensor, dims: int) -> GeneralizedState:
    """A state in units that are so much smaller, (*batch,): what is linear in x times the factor, energies times its square."""
    wide = expand_event(factor, dims)
    stacked = expand_event(factor, dims + 1)
    return replace(
        state,
        x=wide * state.x,
        slope=stacked * state.slope,
        certificate=wide * state.certificate,
        gap=factor.square() * state.gap,
        objective=factor.square() * state.objective,
        split=(stacked * state.split[0], stacked * state.split[1]),
        dual=(stacked * state.dual[0], stacked * state.dual[1]),
    )
