"""4D-Var: the trajectory of the model that fits background and observations of a window best."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.operators.derivatives import flat_jacobian
from foreknow.simulate.assimilation.covariance import Covariance
from foreknow.simulate.assimilation.gradient_check import GradientCheck, check_gradient
from foreknow.simulate.assimilation.method import Analysis, Assimilation, Prior
from foreknow.simulate.assimilation.system import ObservedSystem
from foreknow.simulate.assimilation.variational import Background, Drive, Window
from foreknow.solve.gauss_newton import GaussNewton
from foreknow.solve.minimum import LeastSquaresMethod, Minimum


@dataclass(frozen=True)
class Trajectory:
    r"""What 4D-Var finds.

    Attributes:
        states: at the beginning of the window and after each cycle, (\*batch, K + 1, n).
        drive: initial state, kicks and numbers.
        spread: posterior standard deviation of ``states`` in the Gauss-Newton approximation; None if it was not asked for.
        numbers_spread: that of the numbers.
        minimum: how the minimisation ended.
    """

    states: Tensor
    drive: Drive
    spread: Tensor | None
    numbers_spread: Tensor | None
    minimum: Minimum


class FourDVar:
    """Strong constraint 4D-Var, or weak if the background has model errors (Talagrand and Courtier 1987; Tremolet 2006).

    The result is differentiable with respect to the observations, the background and the parameters of the simulator: by the
    implicit function theorem at the minimum, with the exact Hessian, whatever the minimiser did.

    Args:
        method: minimiser; `GaussNewton` if None, `foreknow.solve.LBFGS` for very many controls.
    """

    def __init__(self, method: LeastSquaresMethod | None = None) -> None:
        self.method = GaussNewton() if method is None else method

    def solve(self, window: Window, start: Tensor | None = None, *, spread: bool = False) -> Trajectory:
        r"""The minimum.

        Args:
            window: the cost.
            start: controls to begin with, (\*batch, p); the background if None.
            spread: whether to compute posterior standard deviations, by the Jacobian of the trajectory.
        """
        with torch.no_grad():
            first = window.zeros() if start is None else start.detach()
            minimum = self.method.minimise(window.residuals, first)
        point = minimum.point
        if torch.is_grad_enabled():
            point = _attached(window, point)
        drive = window.background.unpack(point, window.cycles)
        states = window.trajectory(point)
        deviations, numbers = self._spread(window, minimum.point) if spread else (None, None)
        return Trajectory(states, drive, deviations, numbers, minimum)

    def check_gradient(self, window: Window, generator: torch.Generator) -> GradientCheck:
        """Whether the derivatives of the model, which come from automatic differentiation, are those of the cost."""
        v = window.zeros()
        return check_gradient(window.cost, v + 0.1 * torch.randn(v.shape, generator=generator, dtype=v.dtype), generator)

    def _spread(self, window: Window, v: Tensor) -> tuple[Tensor, Tensor | None]:
        """The diagonal of X (I + J^T J)^-1 X^T for the Jacobian X of all states."""
        with torch.no_grad():
            _, jacobian = flat_jacobian(window.residuals, v)
            identity = torch.eye(v.shape[-1], dtype=v.dtype, device=v.device)
            factor = torch.linalg.cholesky(identity + jacobian.mT @ jacobian)
            states, along = flat_jacobian(lambda u: window.trajectory(u).flatten(-2), v)
            root = torch.linalg.solve_triangular(factor, along.mT, upper=False)
            size = window.background.mean.shape[-1]
            deviations = root.square().sum(dim=-2).sqrt().reshape(*states.shape[:-1], -1, size)
            numbers = window.background.numbers
            if numbers is None or window.background.numbers_covariance is None:
                return deviations, None
            place = v.shape[-1] - numbers.shape[-1]
            _, slopes = flat_jacobian(lambda u: _numbers(window, u), v)
            root = torch.linalg.solve_triangular(factor, slopes.mT, upper=False)
            assert place >= 0  # noqa: S101
            return deviations, root.square().sum(dim=-2).sqrt()


def _numbers(window: Window, v: Tensor) -> Tensor:
    found = window.background.unpack(v, window.cycles).numbers
    assert found is not None  # noqa: S101  (asked for only where there are some)
    return found


class _Implicit(torch.autograd.Function):
    """Zero, whose derivative with respect to the gradient g of a cost at its minimum is -H^-1."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, window: Window, point: Tensor) -> Tensor:  # noqa: ANN401
        ctx.window, ctx.point = window, point
        return torch.zeros_like(gradient)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        window, point = ctx.window, ctx.point
        with torch.enable_grad():
            leaf = point.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(window.cost(leaf).sum(), leaf, create_graph=True)

        def curved(d: Tensor) -> Tensor:
            return torch.autograd.grad(gradient, leaf, d, retain_graph=True)[0]

        x, left = torch.zeros_like(upstream), upstream
        direction, energy = left, left.square().sum(dim=-1, keepdim=True)
        goal = 1e-20 * energy
        for _ in range(2 * point.shape[-1]):
            if bool((energy <= goal).all()):
                break
            image = curved(direction)
            length = energy / (direction * image).sum(dim=-1, keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
            x, left = x + length * direction, left - length * image
            following = left.square().sum(dim=-1, keepdim=True)
            direction = left + following / energy.clamp_min(torch.finfo(x.dtype).tiny) * direction
            energy = following
        return -x, None, None


def _attached(window: Window, point: Tensor) -> Tensor:
    """The minimum, with its derivative with respect to all that the cost depends on."""
    if not window.cost(point.detach()).requires_grad:
        return point.detach()
    leaf = point.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(window.cost(leaf).sum(), leaf, create_graph=True)
    moved: Tensor = point.detach() + _Implicit.apply(gradient, window, point.detach())  # type: ignore[no-untyped-call]
    return moved


@dataclass(frozen=True)
class VariationalState:
    r"""The window's first state (\*batch, n), its observations (\*batch, K, m), its first cycle, and the analysis (\*batch, n)."""

    background: Tensor
    observations: Tensor | None
    cycle: int
    latest: Tensor
    smoothed: Tensor


class CycledFourDVar(Assimilation[VariationalState]):
    """4D-Var in a window that slides by one observation a cycle, with a background covariance that stays.

    All observations of a window count, though the older ones have been told to the background before (multiple data assimilation):
    a static background covariance forgets what they said of the directions in which errors grow. With ``latest`` only the newest
    one does (single data assimilation; Bocquet and Sakov 2014, section 2.3).

    Args:
        lag: cycles in a window, at least 1.
        covariance: of the background at the window's beginning: what is left unknown by older observations.
        model_error: of the kicks at the end of each cycle, for a weak constraint; None for a strong one.
        method: minimiser; a `GaussNewton` of low tolerance if None.
        latest: whether only the newest observation of a window counts.

    Raises:
        ParameterError: if there is no cycle in a window.
    """

    def __init__(
        self,
        lag: int,
        covariance: Covariance,
        model_error: Covariance | None = None,
        method: LeastSquaresMethod | None = None,
        *,
        latest: bool = False,
    ) -> None:
        if lag < 1:
            message = f"a window has at least one cycle, not {lag}"
            raise ParameterError(message)
        self.lag = lag
        self.latest = latest
        self.covariance = covariance
        self.model_error = model_error
        self.four_d_var = FourDVar(GaussNewton(1e-3, 10) if method is None else method)

    def init(self, system: ObservedSystem, prior: Prior, generator: torch.Generator) -> VariationalState:  # noqa: ARG002
        """The prior mean."""
        return VariationalState(prior.mean, None, 0, prior.mean, prior.mean)

    def step(self, system: ObservedSystem, state: VariationalState, y: Tensor, generator: torch.Generator) -> VariationalState:  # noqa: ARG002
        """Minimise over the window that ends with y; slide it if it is full."""
        new = y.unsqueeze(-2)
        observations = new if state.observations is None else torch.cat((state.observations, new), dim=-2)
        background = Background(state.background, self.covariance, self.model_error)
        window = Window(system, background, observations, state.cycle, self.latest)
        finite = torch.isfinite(state.background).all(dim=-1, keepdim=True)
        window = replace(window, background=replace(background, mean=torch.where(finite, state.background, 0.0)))
        states = torch.where(finite.unsqueeze(-1), self.four_d_var.solve(window).states, torch.nan)
        if observations.shape[-2] < self.lag:
            return VariationalState(states[..., 0, :], observations, state.cycle, states[..., -1, :], states[..., 0, :])
        return VariationalState(states[..., 1, :], observations[..., 1:, :], state.cycle + 1, states[..., -1, :], states[..., 0, :])

    def analysis(self, system: ObservedSystem, state: VariationalState) -> Analysis:  # noqa: ARG002
        """The last state of the window, and the first."""
        known = 0 if state.observations is None else state.observations.shape[-2]
        return Analysis(state.latest, smoothed=state.smoothed, lag=self.lag if state.cycle > 0 else known)
