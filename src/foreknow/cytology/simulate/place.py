"""Where cells lie: alone, or in clumps that overlap."""

import torch
from torch import Tensor

_TRIES = 12


def place_cells(
    radii: Tensor, height: float, width: float, clumping: float, overlap: float, generator: torch.Generator | None = None,
    earlier: tuple[Tensor, Tensor] | None = None,
) -> Tensor:  # fmt: skip
    """Centres (cells, 2) as (right, down), in the unit of ``radii``.

    Each cell starts a new place far from the others, as far as there is room, or joins the clump of an earlier one.

    Args:
        radii: (cells,).
        height: of the field; centres may lie on its border, so that cells are cut.
        width: of the field.
        clumping: probability that a cell joins a clump.
        overlap: mean overlap in a clump, 0 touching to 1 on top of each other.
        generator: source of all random numbers (CPU).
        earlier: centres (n, 2) and radii (n,) of cells that lie there already.
    """
    count = len(radii)
    old, old_radii = earlier or (torch.zeros(0, 2), torch.zeros(0))
    first = len(old)
    centres, every = torch.cat((old, torch.zeros(count, 2))), torch.cat((old_radii, radii))
    draw = torch.rand(count, 5, generator=generator)
    candidates = torch.rand(count, _TRIES, 2, generator=generator) * torch.tensor([width, height])
    for number in range(count):
        placed = first + number
        if placed and float(draw[number, 0]) < clumping:
            other = int(draw[number, 1] * placed)
            distance = (radii[number] + every[other]) * (1 - overlap * (0.4 + 1.2 * draw[number, 2])).clamp(0.25, 1.05)
            angle = 2 * torch.pi * draw[number, 3]
            centres[placed] = centres[other] + distance * torch.stack((angle.cos(), angle.sin()))
        elif placed:
            gaps = (candidates[number][:, None] - centres[:placed]).norm(dim=-1) - every[:placed] - radii[number]
            centres[placed] = candidates[number][gaps.amin(dim=1).argmax()]
        else:
            centres[placed] = candidates[number, 0]
    return centres[first:]
