"""The form of one crackle: two cycles whose period grows, under an envelope (Kiyokawa et al., Chest 119:1886, 2001)."""

import math

import torch
from torch import Tensor


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
