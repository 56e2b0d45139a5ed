"""Limited-memory quasi-Newton (L-BFGS), one problem a batch item."""

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.solve.minimum import LeastSquaresMethod, Minimum, Residuals, cost_of, relative_gradient


class LBFGS(LeastSquaresMethod):
    """The two-loop recursion with the curvature of the last steps (Nocedal 1980; Liu and Nocedal 1989).

    Every item of a batch has its own curvatures and step lengths. A pair without positive curvature is left out.

    Args:
        tolerance: of the relative gradient.
        max_iterations: at most.
        memory: pairs that are kept.

    Raises:
        ParameterError: if a number is not positive.
    """

    def __init__(self, tolerance: float = 1e-5, max_iterations: int = 200, memory: int = 10) -> None:
        if not tolerance > 0 or max_iterations < 1 or memory < 1:
            message = f"L-BFGS needs positive tolerance, iterations and memory, not {tolerance}, {max_iterations} and {memory}"
            raise ParameterError(message)
        self.tolerance = tolerance
        self.max_iterations = max_iterations
        self.memory = memory

    def minimise(self, residuals: Residuals, start: Tensor) -> Minimum:
        """Steps until all items have a small gradient, or none moves."""
        v = start.detach()
        value, gradient = _value_and_gradient(residuals, v)
        relative, first = relative_gradient(gradient, None)
        pairs: list[tuple[Tensor, Tensor, Tensor]] = []
        iteration = 0
        while iteration < self.max_iterations and bool((relative > self.tolerance).any()):
            direction = -_apply_inverse(pairs, gradient)
            slope = (direction * gradient).sum(dim=-1)
            uphill = slope >= 0
            direction = torch.where(uphill.unsqueeze(-1), -gradient, direction)
            slope = torch.where(uphill, -gradient.square().sum(dim=-1), slope)
            if not pairs:
                direction, slope = (x / first.reshape(first.shape + (1,) * (x.ndim - first.ndim)) for x in (direction, slope))
            with torch.no_grad():
                moved, _ = backtrack(residuals, v, value, direction, slope)
            iteration += 1
            if bool((moved == v).all()):
                if not pairs:
                    break
                pairs = []  # the curvatures mislead: begin again with the gradient
                continue
            lower, following = _value_and_gradient(residuals, moved)
            step, change = moved - v, following - gradient
            curvature = (step * change).sum(dim=-1)
            sound = curvature > 1e-10 * torch.linalg.vector_norm(step, dim=-1) * torch.linalg.vector_norm(change, dim=-1)
            inverse = torch.where(sound, 1 / torch.where(sound, curvature, torch.ones_like(curvature)), 0.0)
            pairs = [*pairs[-self.memory + 1 :], (step, change, inverse)] if self.memory > 1 else [(step, change, inverse)]
            v, value, gradient = moved, lower, following
            relative, _ = relative_gradient(gradient, first)
        return Minimum(v, value, relative, relative <= self.tolerance, iteration)


def _apply_inverse(pairs: list[tuple[Tensor, Tensor, Tensor]], gradient: Tensor) -> Tensor:
    """The inverse Hessian's estimate times the gradient."""
    q, weights = gradient, []
    for step, change, inverse in reversed(pairs):
        weight = inverse * (step * q).sum(dim=-1)
        weights.append(weight)
        q = q - weight.unsqueeze(-1) * change
    if pairs:
        step, change, inverse = pairs[-1]
        energy = change.square().sum(dim=-1)
        known = inverse > 0
        scale = torch.where(known, (step * change).sum(dim=-1) / torch.where(known, energy, torch.ones_like(energy)), 1.0)
        q = scale.unsqueeze(-1) * q
    for (step, change, inverse), weight in zip(pairs, reversed(weights), strict=True):
        other = inverse * (change * q).sum(dim=-1)
        q = q + (weight - other).unsqueeze(-1) * step
    return q


def _value_and_gradient(residuals: Residuals, v: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        leaf = v.detach().requires_grad_()
        value = cost_of(residuals, leaf)
        (gradient,) = torch.autograd.grad(value.sum(), leaf)
    return value.detach(), gradient


def backtrack(residuals: Residuals, v: Tensor, value: Tensor, step: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    r"""The point v + a step with the largest a of 1, 1/2, 1/4 ... that lowers the cost enough (Armijo 1966), item by item.

    An item for which there is none stays where it is.

    Args:
        residuals: of the cost.
        v: (\*batch, p).
        value: the cost there, (\*batch,).
        step: (\*batch, p).
        slope: of the cost along the step, negative, (\*batch,).
    """
    length = torch.ones_like(value)
    best, lowest = v, value
    waiting = torch.ones_like(value, dtype=torch.bool)
    for _ in range(_HALVINGS):
        trial = v + length.unsqueeze(-1) * step
        cost = cost_of(residuals, trial)
        enough = waiting & (cost <= value + 1e-4 * length * slope)
        best = torch.where(enough.unsqueeze(-1), trial, best)
        lowest = torch.where(enough, cost, lowest)
        waiting = waiting & ~enough
        if not bool(waiting.any()):
            break
        length = torch.where(waiting, length / 2, length)
    return best, lowest


_HALVINGS = 15
