"""What priors share whose proximal map is found by an inner iteration: its accuracy, its warm start, its warning."""

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import ParameterError


class InexactProxWarning(UserWarning):
    """An inner solver reached its iteration limit before its tolerance; the result is used as it is."""


@dataclass(frozen=True)
class Accuracy:
    """When an inner solver stops.

    Attributes:
        tolerance: duality gap relative to the objective; the result is then within sqrt(2 tolerance objective) of the exact one.
            What rounding does not let it resolve is not asked for.
        max_iterations: after so many an `InexactProxWarning` tells the gap that was reached.
        check_every: iterations between two evaluations of the gap.

    Raises:
        ParameterError: if a number is not positive.
    """

    tolerance: float = 1e-6
    max_iterations: int = 20000
    check_every: int = 10

    def __post_init__(self) -> None:
        if not (self.tolerance > 0 and self.max_iterations > 0 and self.check_every > 0):
            message = f"the tolerance and the iteration counts of an inner solver are positive, not {self}"
            raise ParameterError(message)

    def reached(self, gap: Tensor, objective: Tensor, resolution: Tensor) -> bool:
        """Whether every batch item is accurate enough, or as accurate as rounding allows (``resolution``)."""
        limit = max(self.tolerance, 20 * torch.finfo(gap.dtype).eps)
        return bool((gap <= limit * objective + resolution).all())

    def warn(self, name: str, gap: Tensor, objective: Tensor) -> None:
        """Say that the tolerance was not reached."""
        worst = float((gap / objective.clamp_min(torch.finfo(gap.dtype).tiny)).max())
        warnings.warn(
            f"{name} stopped after {self.max_iterations} iterations at a relative duality gap of {worst:.1e} instead of "
            f"{self.tolerance:.1e}; allow more iterations, a larger tolerance, or start from the last state",
            InexactProxWarning,
            stacklevel=2,
        )
