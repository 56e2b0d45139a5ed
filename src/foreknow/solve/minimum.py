"""Minimisers of smooth costs on flat vectors, one cost a batch item: the contract, and what they return."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

Residuals: TypeAlias = Callable[[Tensor], Tensor]
r"""From controls (\*batch, p), with any leading batch axes, to residuals (\*batch, m)."""


@dataclass(frozen=True)
class Minimum:
    r"""What was found.

    Attributes:
        point: (\*batch, p).
        value: of the cost there, (\*batch,).
        residual: what the method stops on, relative, (\*batch,): for Gauss-Newton the Newton decrement, for L-BFGS the norm of the
            gradient over that at the start (or over 1 if that is smaller).
        converged: whether the residual is below the tolerance, (\*batch,).
        iterations: made.
    """

    point: Tensor
    value: Tensor
    residual: Tensor
    converged: Tensor
    iterations: int

    def __str__(self) -> str:
        done, count = int(self.converged.sum()), self.converged.numel()
        return f"{done} of {count} converged after {self.iterations} iterations; largest residual {float(self.residual.max()):.1e}"


class LeastSquaresMethod(ABC):
    """Minimises |v|^2 / 2 + |r(v)|^2 / 2 over v, all batch items at once."""

    @abstractmethod
    def minimise(self, residuals: Residuals, start: Tensor) -> Minimum:
        r"""The minimum near the start, without gradients.

        Args:
            residuals: r.
            start: (\*batch, p).
        """


def cost_of(residuals: Residuals, v: Tensor) -> Tensor:
    r"""|v|^2 / 2 + |r(v)|^2 / 2, (\*batch,)."""
    return (v.square().sum(dim=-1) + residuals(v).square().sum(dim=-1)) / 2


def relative_gradient(gradient: Tensor, first: Tensor | None) -> tuple[Tensor, Tensor]:
    """The norm over the first one, and the first one, clamped to 1."""
    norm = torch.linalg.vector_norm(gradient, dim=-1)
    start = norm.clamp_min(1.0) if first is None else first
    return norm / start, start
