"""Is a gradient the derivative of its cost? A test by Taylor's formula."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class GradientCheck:
    """The remainder |J(v + e d) - J(v) - e <gradient, d>| for e = 10^-1, 10^-2 ...: it must fall a hundredfold at each.

    Attributes:
        steps: e.
        remainders: relative to e |<gradient, d>|, which falls tenfold, largest over the batch.
    """

    steps: tuple[float, ...]
    remainders: tuple[float, ...]

    @property
    def passed(self) -> bool:
        """Whether the relative remainder falls below 1e-5 before rounding stops it."""
        return min(self.remainders) < 1e-5

    def __str__(self) -> str:
        rows = "\n".join(f"{step:8.0e}  {left:.2e}" for step, left in zip(self.steps, self.remainders, strict=True))
        return f"{'passed' if self.passed else 'FAILED'}\n    step  relative remainder\n{rows}"


def check_gradient(cost: Callable[[Tensor], Tensor], v: Tensor, generator: torch.Generator) -> GradientCheck:
    r"""Compare automatic derivatives of a cost with differences, in float64, along a random direction.

    Args:
        cost: from (\*batch, p) to (\*batch,).
        v: where, (\*batch, p).
        generator: of the direction.
    """
    point = v.detach().double()
    direction = torch.randn(point.shape, generator=generator, dtype=torch.float64, device=generator.device).to(point.device)
    direction = direction / torch.linalg.vector_norm(direction, dim=-1, keepdim=True)
    with torch.enable_grad():
        leaf = point.clone().requires_grad_()
        value = cost(leaf)
        (gradient,) = torch.autograd.grad(value.sum(), leaf)
    value, slope = value.detach(), (gradient * direction).sum(dim=-1)
    steps = tuple(10.0**-k for k in range(1, 9))
    remainders = []
    with torch.no_grad():
        for step in steps:
            left = (cost(point + step * direction) - value - step * slope).abs() / (step * slope.abs()).clamp_min(1e-300)
            remainders.append(float(left.max()))
    return GradientCheck(steps, tuple(remainders))
