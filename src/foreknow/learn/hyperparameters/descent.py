"""Minimising a smooth function of a few logarithms: the BFGS method with bounded steps."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.learn.hyperparameters.knobs import Knobs
from foreknow.learn.hyperparameters.outcome import Outcome, Status, learned_numbers

ValueAndGradient = Callable[[Tensor], tuple[float, Tensor]]
"""Of a point, (p,): the value there and the gradient, (p,)."""


@dataclass(frozen=True)
class Minimum:
    """Where a descent ended.

    Attributes:
        point: (p,).
        status: why.
        history: the points that were accepted, (iterations, p).
        values: at these points.
    """

    point: Tensor
    status: Status
    history: Tensor
    values: tuple[float, ...]

    def outcome(self, knobs: Knobs, seconds: float, method: str) -> Outcome:
        """What a method reports that ends at this point: the numbers put into the model.

        Args:
            knobs: the numbers that were varied; they are left at the minimum.
            seconds: since the method began.
            method: its name.
        """
        knobs.assign(self.point)
        return Outcome(knobs.model(), learned_numbers(knobs), self.status, self.history, self.values, seconds, method)


@dataclass(frozen=True)
class Descent:
    """Quasi-Newton descent (BFGS; Nocedal and Wright 2006, chapter 6) from the best of a few starts.

    Args:
        starts: multiples of the given values to compare first: far from the minimum a solution may be 0, and its slope with it.
        tolerance: length of a step, in logarithms (so relative to the numbers), that ends the descent.
        max_iterations: steps at most.
        longest: of one step, in logarithms.
        limit: farthest from the start, in logarithms, at which a number counts as not determined by the data.

    Raises:
        ParameterError: if an argument is not positive.
    """

    starts: tuple[float, ...] = (0.1, 1.0, 10.0)
    tolerance: float = 1e-3
    max_iterations: int = 50
    longest: float = 1.0
    limit: float = 10.0

    def __post_init__(self) -> None:
        if not self.starts or min(*self.starts, self.tolerance, self.max_iterations, self.longest, self.limit) <= 0:
            message = f"everything in a Descent is positive, unlike {self}"
            raise ParameterError(message)

    def minimise(self, function: ValueAndGradient, start: Tensor) -> Minimum:
        """Go down from ``start``, (p,)."""
        tries = [start + torch.tensor(factor, dtype=start.dtype).log().to(start) for factor in self.starts]
        evaluated = [(*function(point), point) for point in tries]
        value, gradient, point = min(evaluated, key=lambda found: found[0])
        inverse: Tensor | None = None
        history, values = [point], [value]
        status, short = Status.ITERATION_LIMIT, 0
        for _ in range(self.max_iterations):
            step = self._step(inverse, gradient)
            found = self._line_search(function, point, value, gradient, step)
            if found is None and inverse is not None:
                inverse = None
                found = self._line_search(function, point, value, gradient, self._step(None, gradient))
            if found is None:
                status = Status.CONVERGED if float(step.abs().max()) <= 10 * self.tolerance else Status.STALLED
                break
            new_point, new_value, new_gradient = found
            change, bend = new_point - point, new_gradient - gradient
            inverse = _updated(inverse, change, bend)
            point, value, gradient = new_point, new_value, new_gradient
            history.append(point)
            values.append(value)
            if float((point - start).abs().max()) > self.limit:
                status = Status.COLLAPSED
                break
            # At a kink (a solution changes its support) the planned steps stay long, but those that lower the value do not.
            short = short + 1 if float(change.abs().max()) <= self.tolerance else 0
            if short == 2 or float(self._step(inverse, gradient).abs().max()) <= self.tolerance:
                status = Status.CONVERGED
                break
        return Minimum(point, status, torch.stack(history), tuple(values))

    def _step(self, inverse: Tensor | None, gradient: Tensor) -> Tensor:
        if inverse is None:
            size = float(gradient.abs().max())
            return torch.zeros_like(gradient) if size == 0 else -gradient * (_FIRST * self.longest / size)
        step = -inverse @ gradient
        return step * min(1.0, self.longest / max(float(step.abs().max()), 1e-300))

    def _line_search(
        self, function: ValueAndGradient, point: Tensor, value: float, gradient: Tensor, step: Tensor
    ) -> tuple[Tensor, float, Tensor] | None:
        """The first of the halved steps that lowers the value enough (Armijo), or None."""
        slope = float(gradient @ step)
        if not slope < 0:
            return None
        scale = 1.0
        for _ in range(_HALVINGS):
            ahead = point + scale * step
            new_value, new_gradient = function(ahead)
            if new_value <= value + _ARMIJO * scale * slope:
                return ahead, new_value, new_gradient
            scale = max(0.1, min(0.5, slope * scale / (2 * (value + scale * slope - new_value)))) * scale  # the parabola's minimum
        return None


def _updated(inverse: Tensor | None, change: Tensor, bend: Tensor) -> Tensor | None:
    """The BFGS update of the inverse Hessian; none where the curvature is not positive."""
    curvature = float(change @ bend)
    if curvature <= _CURVED * float(change.norm() * bend.norm()):
        return inverse
    eye = torch.eye(len(change), dtype=change.dtype, device=change.device)
    if inverse is None:
        inverse = eye * (curvature / float(bend @ bend))
    left = eye - torch.outer(change, bend) / curvature
    return left @ inverse @ left.mT + torch.outer(change, change) / curvature


_FIRST = 0.5  # of the longest step
_HALVINGS = 12
_ARMIJO = 1e-4
_CURVED = 1e-8
