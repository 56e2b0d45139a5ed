"""The form of one crackle: two cycles whose period grows, under an envelope (Kiyokawa et al., Chest 119:1886, 2001)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import ParameterError

HIGHEST_RATIO = 0.25  # IDW / 2CD of a pure tone; a crackle's period grows, so its ratio is below
_LOWEST_RATIO = 0.01


def crackle_form(time: Tensor, initial_deflection_width: Tensor, two_cycle_duration: Tensor) -> Tensor:
    r"""The deflection of a crackle that starts at time 0, initial deflection upwards, largest deflection 1 to within 0.2 %.

    With u = time / 2CD in [0, 1] and lambda = log(1/4) / log(IDW / 2CD):

        y = sin(4 pi u^lambda) * (1 + cos(2 pi (sqrt(u) - 1/2))) / 2

    u^lambda = 1/4 at time = IDW, so the first zero crossing is at IDW, and u^lambda = 1 at time = 2CD, so the second full cycle
    ends there: u must be normalised by 2CD for both to come out. The envelope is 0 at both ends and largest at u = 1/4.
    With IDW 0.7 ms and 2CD 5 ms the spectrum peaks at 393 Hz, with 1.5 and 10 ms at 198 Hz. It is not band-limited: sampled at
    4 kHz, 0.02 % of the energy of the former lies above 2 kHz and is aliased (8 kHz: under 0.001 %).

    Args:
        time: seconds since the onset, any shape.
        initial_deflection_width: IDW in seconds, broadcasts against ``time``.
        two_cycle_duration: 2CD in seconds, broadcasts against ``time``.

    Returns:
        The broadcast shape; exactly 0 outside 0..2CD.
    """
    exponent = math.log(0.25) / torch.log(initial_deflection_width / two_cycle_duration)
    inside = (time > 0) & (time < two_cycle_duration)
    u = torch.where(inside, time / two_cycle_duration, 1.0)
    cycles = torch.sin(4 * math.pi * u**exponent)
    envelope = 0.5 * (1 + torch.cos(2 * math.pi * (u.sqrt() - 0.5)))
    return torch.where(inside, cycles * envelope, 0.0)


def largest_deflection(initial_deflection_width: Tensor, two_cycle_duration: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where the form is largest: ``(peak, height, width)``, each of the shape of the arguments.

    Args:
        initial_deflection_width: IDW in seconds, (crackles,).
        two_cycle_duration: 2CD in seconds, (crackles,).

    Returns:
        Time of the largest absolute deflection after the onset (s), its absolute value, and the time between the zero crossings
        around it (s, the LDW).
    """
    grid = torch.linspace(0, 1, 2001, dtype=torch.float64)
    duration = two_cycle_duration[:, None]
    height, index = crackle_form(grid * duration, initial_deflection_width[:, None], duration).abs().max(dim=1)
    u = grid[index]
    exponent = math.log(0.25) / torch.log(initial_deflection_width / two_cycle_duration)
    before = (4 * u**exponent).floor() / 4  # the quarters of u^lambda are the zero crossings
    width = ((before + 0.25) ** (1 / exponent) - before ** (1 / exponent)) * two_cycle_duration
    return u * two_cycle_duration, height, width


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
