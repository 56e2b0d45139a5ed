"""Where cells lie: alone, or in clumps that overlap."""

import torch
from torch import Tensor

_TRIES = 12


def place_cells(
    radii: Tensor, height: float, width: float, clumping: float, overlap: float, generator: torch.Generator | None = None
) -> Tensor:
    """Centres (cells, 2) as (right, down), in the unit of ``radii``.

    Each cell starts a new place far from the others, as far as there is room, or joins the clump of an earlier one.

    Args:
        radii: (cells,).
        height: of the field; centres may lie on its border, so that cells are cut.
        width: of the field.
        clumping: probability that a cell joins a clump.
        overlap: mean overlap in a clump, 0 touching to 1 on top of each other.
        generator: source of all random numbers (CPU).
    """
    count = len(radii)
    centres = torch.zeros(count, 2)
    draw = torch.rand(count, 5, generator=generator)
    candidates = torch.rand(count, _TRIES, 2, generator=generator) * torch.tensor([width, height])
    for number in range(count):
        earlier = centres[:number]
        joins = number > 0 and float(draw[number, 0]) < clumping
        if joins:
            other = int(draw[number, 1] * number)
            distance = (radii[number] + radii[other]) * (1 - overlap * (0.4 + 1.2 * draw[number, 2])).clamp(0.25, 1.05)
            angle = 2 * torch.pi * draw[number, 3]
            centres[number] = earlier[other] + distance * torch.stack((angle.cos(), angle.sin()))
            continue
        if number:
            gaps = (candidates[number][:, None] - earlier).norm(dim=-1) - radii[:number] - radii[number]
            centres[number] = candidates[number][gaps.amin(dim=1).argmax()]
        else:
            centres[number] = candidates[number, 0]
    return centres
