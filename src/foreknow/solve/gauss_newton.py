"""Gauss-Newton for non-linear least squares, damped where the linearisation does not hold (Levenberg-Marquardt)."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.operators.derivatives import Derivatives, flat_jacobian
from foreknow.solve.minimum import LeastSquaresMethod, Minimum, Residuals, cost_of


class Linearisation(ABC):
    r"""The cost |v|^2 / 2 + |r(v)|^2 / 2 near a point.

    Attributes:
        gradient: v + J^T r, (\*batch, p).
    """

    gradient: Tensor

    @abstractmethod
    def step(self, damping: Tensor) -> Tensor:
        r"""The solution d of ((1 + damping) I + J^T J) d = -gradient, (\*batch, p), for one damping a batch item."""


class NormalEquations(ABC):
    """How Gauss-Newton finds its steps."""

    @abstractmethod
    def linearise(self, residuals: Residuals, v: Tensor) -> Linearisation:
        r"""The cost near controls v, (\*batch, p)."""


class DenseNormalEquations(NormalEquations):
    """The Jacobian of all residuals at once, then Cholesky factorisations.

    Right up to some thousand controls; whichever of p and m is smaller is factorised.
    """

    def linearise(self, residuals: Residuals, v: Tensor) -> Linearisation:
        """One pass forward and back with a copy of v for each residual."""
        return _Dense(residuals, v)


class ConjugateGradientNormalEquations(NormalEquations):
    """Conjugate gradients with products of J and J^T, for many controls; nothing of size p m is stored.

    Args:
        iterations: at most.
        tolerance: of the relative residual of the step.

    Raises:
        ParameterError: if a number is not positive.
    """

    def __init__(self, iterations: int = 50, tolerance: float = 1e-3) -> None:
        if iterations < 1 or not tolerance > 0:
            message = f"conjugate gradients need positive iterations and tolerance, not {iterations} and {tolerance}"
            raise ParameterError(message)
        self.iterations = iterations
        self.tolerance = tolerance

    def linearise(self, residuals: Residuals, v: Tensor) -> Linearisation:
        """One pass of the model, whose graph is kept."""
        return _MatrixFree(residuals, v, self.iterations, self.tolerance)


class GaussNewton(LeastSquaresMethod):
    """Gauss-Newton steps; one that does not lower the cost as promised is damped (Marquardt 1963; Nocedal and Wright 2006, 10.3).

    Every batch item has its own damping, zero at first. `Minimum.residual` is the Newton decrement: the root of what the next step
    promises to lower the cost by, relative to the cost (or to 1/2 if that is smaller).

    Args:
        tolerance: of that residual.
        max_iterations: linearisations, at most.
        equations: how steps are found; `DenseNormalEquations` if None.

    Raises:
        ParameterError: if a number is not positive.
    """

    def __init__(self, tolerance: float = 1e-6, max_iterations: int = 20, equations: NormalEquations | None = None) -> None:
        if not tolerance > 0 or max_iterations < 1:
            message = f"Gauss-Newton needs positive tolerance and iterations, not {tolerance} and {max_iterations}"
            raise ParameterError(message)
        self.tolerance = tolerance
        self.max_iterations = max_iterations
        self.equations = DenseNormalEquations() if equations is None else equations

    def minimise(self, residuals: Residuals, start: Tensor) -> Minimum:
        """Steps until every item promises no more, or none can be improved."""
        with torch.no_grad():
            v, value = start, cost_of(residuals, start)
            damping = torch.zeros_like(value)
            for iteration in range(self.max_iterations + 1):
                near = self.equations.linearise(residuals, v)
                step = near.step(torch.zeros_like(damping))
                promised = -(near.gradient * step).sum(dim=-1)
                relative = (promised.clamp_min(0) / (2 * value).clamp_min(1)).sqrt()
                open_items = relative > self.tolerance
                if iteration == self.max_iterations or not bool(open_items.any()):
                    break
                curvature = near.gradient.square().sum(dim=-1) / promised.clamp_min(torch.finfo(value.dtype).tiny)
                moved, lower, damping = _damped(residuals, v, value, near, damping, curvature, open_items)
                if not bool((moved != v).any()):
                    break
                v, value = moved, lower
        return Minimum(v, value, relative, relative <= self.tolerance, iteration)


def _damped(
    residuals: Residuals,
    v: Tensor,
    value: Tensor,
    near: Linearisation,
    damping: Tensor,
    curvature: Tensor,
    open_items: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """The next point, its cost, and the damping to go on with; an item that no damping improves stays."""
    rounding = 10 * torch.finfo(value.dtype).eps * value
    waiting, best, lowest = open_items, v, value
    for _ in range(_ATTEMPTS):
        step = near.step(damping)
        trial = v + step
        cost = cost_of(residuals, trial)
        slope = (near.gradient * step).sum(dim=-1)
        good = waiting & (cost <= value + 1e-4 * slope + rounding)
        best = torch.where(good.unsqueeze(-1), trial, best)
        lowest = torch.where(good, cost, lowest)
        well = good & (cost <= value + 0.25 * slope)  # half of the promise, which is half the slope
        eased = torch.where(damping > 1e-3 * curvature, damping / 5, torch.zeros_like(damping))
        waiting = waiting & ~good
        raised = torch.maximum(5 * damping, 0.1 * curvature)
        damping = torch.where(waiting, raised, torch.where(well, eased, damping))
        if not bool(waiting.any()):
            break
    return best, lowest, damping


_ATTEMPTS = 12


class _Dense(Linearisation):
    def __init__(self, residuals: Residuals, v: Tensor) -> None:
        r, self.jacobian = flat_jacobian(residuals, v)
        self.gradient = v + (self.jacobian.mT @ r.unsqueeze(-1)).squeeze(-1)
        rows, columns = self.jacobian.shape[-2:]
        self.wide = columns > rows
        self.gram = self.jacobian @ self.jacobian.mT if self.wide else self.jacobian.mT @ self.jacobian
        self.identity = torch.eye(min(rows, columns), dtype=v.dtype, device=v.device)

    def step(self, damping: Tensor) -> Tensor:
        scale = (1 + damping).unsqueeze(-1)
        factor, failed = torch.linalg.cholesky_ex(scale.unsqueeze(-1) * self.identity + self.gram)
        if self.wide:
            inner = torch.cholesky_solve(self.jacobian @ self.gradient.unsqueeze(-1), factor)
            found = -(self.gradient - (self.jacobian.mT @ inner).squeeze(-1)) / scale
        else:
            found = -torch.cholesky_solve(self.gradient.unsqueeze(-1), factor).squeeze(-1)
        sound = (failed == 0) & torch.isfinite(found).all(dim=-1)
        return torch.where(sound.unsqueeze(-1), found, -self.gradient / scale)


class _MatrixFree(Linearisation):
    def __init__(self, residuals: Residuals, v: Tensor, iterations: int, tolerance: float) -> None:
        self.iterations, self.tolerance = iterations, tolerance
        self.derivatives = Derivatives(residuals, v)
        self.gradient = v + self.derivatives.transpose(self.derivatives.value)

    def step(self, damping: Tensor) -> Tensor:
        scale = (1 + damping).unsqueeze(-1)
        step, left = torch.zeros_like(self.gradient), -self.gradient
        direction, energy = left, left.square().sum(dim=-1, keepdim=True)
        goal, tiny = self.tolerance**2 * energy, torch.finfo(left.dtype).tiny
        for _ in range(self.iterations):
            if bool((energy <= goal).all()):
                break
            curved = scale * direction + self.derivatives.transpose(self.derivatives.along(direction))
            length = energy / (direction * curved).sum(dim=-1, keepdim=True).clamp_min(tiny)
            step, left = step + length * direction, left - length * curved
            following = left.square().sum(dim=-1, keepdim=True)
            direction = left + following / energy.clamp_min(tiny) * direction
            energy = following
        return step
