"""Kinds of crackles: how their members vary in width and where in a breath they fall."""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.lung.crackle_form import crackle_form, largest_deflection

__all__ = ["COARSE", "FINE", "HIGHEST_RATIO", "CrackleType", "crackle_form", "largest_deflection"]

HIGHEST_RATIO = 0.25  # IDW / 2CD of a pure tone; a crackle's period grows, so its ratio is below
_LOWEST_RATIO = 0.01


@dataclass(frozen=True, slots=True)
class CrackleType:
    """A kind of crackle and how its members vary.

    Attributes:
        kind: its name, ``fine`` or ``coarse``.
        initial_deflection_width: median IDW, seconds.
        two_cycle_duration: median 2CD, seconds.
        spread: standard deviation of log 2CD (our choice: 0.15, nearly all fine ones stay below 8 ms, all coarse above 6 ms).
        ratio_spread: standard deviation of log (IDW / 2CD) about its median (our choice: 0.1).
        position: where in the inspiration it falls: the fraction is u^(1/position) with uniform u, or 1 minus that if negative;
            3 is late (mean 0.75), -3 early (mean 0.25), 1 anywhere.

    Raises:
        ParameterError: if not 0 < IDW < 2CD / 4, or a spread is negative, or position is 0.
    """

    kind: str
    initial_deflection_width: float
    two_cycle_duration: float
    spread: float = 0.15
    ratio_spread: float = 0.1
    position: float = 3.0

    def __post_init__(self) -> None:
        ratio = self.initial_deflection_width / self.two_cycle_duration if self.two_cycle_duration > 0 else 0.0
        if not (_LOWEST_RATIO <= ratio < HIGHEST_RATIO and self.spread >= 0 and self.ratio_spread >= 0 and self.position):
            message = (
                f"a crackle type needs {_LOWEST_RATIO} <= IDW / 2CD < {HIGHEST_RATIO}, spreads of 0 or more and a position "
                f"other than 0, not {self}"
            )
            raise ParameterError(message)

    def draw_widths(self, count: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """IDW and 2CD of ``count`` crackles in seconds, each (count,) float64: log-normal, the ratio kept below 0.24."""
        normal = torch.randn(2, count, generator=generator, dtype=torch.float64)
        duration = self.two_cycle_duration * torch.exp(self.spread * normal[0])
        median = self.initial_deflection_width / self.two_cycle_duration
        ratio = (median * torch.exp(self.ratio_spread * normal[1])).clamp(_LOWEST_RATIO, max(0.24, median))
        return ratio * duration, duration

    def draw_positions(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Fractions of the inspiration at which ``count`` crackles start, (count,) float64 in 0..1."""
        late = torch.rand(count, generator=generator, dtype=torch.float64) ** (1 / abs(self.position))
        return late if self.position > 0 else 1 - late


FINE = CrackleType("fine", 0.7e-3, 5e-3, position=3.0)
"""ATS 1977 (as cited by Kiyokawa 2001): IDW 0.7 ms, 2CD 5 ms; late in inspiration."""

COARSE = CrackleType("coarse", 1.5e-3, 10e-3, position=-3.0)
"""ATS 1977 (as cited by Kiyokawa 2001): IDW 1.5 ms, 2CD 10 ms; early in inspiration."""
