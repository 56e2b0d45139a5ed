"""The catheter: a tube from the aorta into the ostium that moves with the heart at its tip and is filled when injected."""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.angiography.simulate.branches import resample, spline
from foreknow.angiography.simulate.heart import Heart
from foreknow.errors import ParameterError
from foreknow.simulate.fields import uniform


@dataclass(frozen=True, slots=True)
class CatheterSettings:
    """The catheter and other thin things that are not vessels.

    Attributes:
        radius: outer, mm (5 to 7 French: 0.83 to 1.17).
        wall: thickness of the wall, mm.
        opacity: attenuation of the wall with its wire braid, 1/mm (choice, by the look of real frames).
        femoral: probability that it comes from below through the descending aorta; else from the right arm.
        leads: expected number of thin wires on the skin (electrocardiogram; choice).
        lead_attenuation: of such a wire (choice).

    Raises:
        ParameterError: if a radius is not positive or the wall thicker than it.
    """

    radius: tuple[float, float] = (0.83, 1.1)
    wall: float = 0.3
    opacity: float = 0.3
    femoral: float = 0.3
    leads: float = 0.3
    lead_attenuation: float = 0.12

    def __post_init__(self) -> None:
        if not (0 < self.wall < self.radius[0] <= self.radius[1] and self.opacity >= 0 and self.leads >= 0):
            message = f"a catheter needs 0 < wall < radius, and opacity and leads of 0 or more, not {self}"
            raise ParameterError(message)


@dataclass(frozen=True, slots=True)
class Catheter:
    """Where the catheter lies.

    Attributes:
        points: (points, 3) heart coordinates at rest, mm, from the tip.
        grip: (points,) how much each follows the heart, 1 at the tip.
        radius: outer, mm.
    """

    points: Tensor
    grip: Tensor
    radius: float


def draw_catheter(
    settings: CatheterSettings, heart: Heart, ostium: Tensor, ahead: Tensor, generator: torch.Generator | None = None
) -> Catheter:
    """A catheter with its tip in the ostium.

    Args:
        settings: how it is drawn.
        heart: whose coordinates are used.
        ostium: (3,) heart coordinates, mm.
        ahead: (3,) a place further down the artery; the tip points at it.
        generator: source of all random numbers (CPU).
    """
    tip, forward = heart.place(ostium), heart.place(ahead) - heart.place(ostium)
    forward = forward / forward.norm()
    jitter = 4 * torch.randn(8, 3, generator=generator, dtype=torch.float64)
    rise = torch.tensor([[-12.0, 6.0, 14.0], [-14.0, 4.0, 40.0], [-8.0, 4.0, 66.0]], dtype=torch.float64)
    if float(torch.rand(1, generator=generator)) < settings.femoral:
        away = torch.tensor([[10.0, 28.0, 86.0], [26.0, 58.0, 70.0], [26.0, 62.0, 20.0], [22.0, 62.0, -130.0]], dtype=torch.float64)
    else:
        away = torch.tensor([[-30.0, 10.0, 92.0], [-60.0, 12.0, 104.0]], dtype=torch.float64)
    inside = torch.stack((tip + 2.5 * forward, tip, tip - 7 * forward))
    control = torch.cat((inside, tip + rise + jitter[:3], tip + away + jitter[3 : 3 + len(away)]))
    points = resample(spline(control))
    distance = 0.4 * torch.arange(len(points), dtype=torch.float64)
    return Catheter(points @ heart.axes, torch.exp(-0.5 * (distance / 25.0).square()), uniform(settings.radius, generator))
