"""What lies on a smear beside its cells: inflammatory cells, debris, bacteria, dust on the glass."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.cytology.simulate.cells import CellKind
from foreknow.cytology.simulate.draw import DrawnCells, TextureSettings, draw_cells
from foreknow.cytology.simulate.shape import canvas
from foreknow.errors import ParameterError
from foreknow.simulate.blur import gaussian_blur

_DEBRIS = CellKind("debris", 1.0, (4.0, 16.0), (0.5, 1.0), (0.05, 0.5), (0.02, 0.05), (0.3, 0.25, 0.4, 0.05), 1.0, 2.5)
_LOBES = 4


@dataclass(frozen=True, slots=True)
class ClutterSettings:
    """How much there is that is no squamous cell; numbers are expected ones in 0.1 square millimetres.

    Attributes:
        inflammatory: neutrophils (choice; the lbc fields have 0 to 60).
        on_cells: share of the neutrophils that lie on cells.
        debris: pieces of 4 to 16 micrometres.
        bacteria: rods of 1 to 3 micrometres (edf fields have hundreds).
        dust: grains on glass or sensor, out of focus, 3 to 12 micrometres.
        dust_density: optical density of a grain.
        mucus: optical density of a faint stained film.

    Raises:
        ParameterError: if a number is negative.
    """

    inflammatory: float = 12.0
    on_cells: float = 0.6
    debris: float = 10.0
    bacteria: float = 120.0
    dust: float = 4.0
    dust_density: float = 0.05
    mucus: float = 0.006

    def __post_init__(self) -> None:
        numbers = (self.inflammatory, self.on_cells, self.debris, self.bacteria, self.dust, self.dust_density, self.mucus)
        if min(numbers) < 0 or self.on_cells > 1:
            message = f"clutter needs numbers of 0 or more and a share of at most 1, not {self}"
            raise ParameterError(message)


def draw_neutrophils(count: int, pixel: float, strength: Tensor, generator: torch.Generator | None = None) -> DrawnCells:
    """Neutrophils: two to four dark lobes of 3 to 5 micrometres in a pale cytoplasm of 10 to 13."""
    side = math.ceil(17 / pixel) | 1
    points = canvas(count, side, pixel)
    size = 10 + 3 * torch.rand(count, 1, 1, generator=generator)
    distance = points.norm(dim=-1) - size / 2
    body = torch.sigmoid(-distance / 0.4)
    turn = 2 * math.pi * torch.rand(count, 1, generator=generator)
    number = 2 + torch.randint(3, (count, 1), generator=generator)
    angle = turn + torch.arange(_LOBES) * 2 * math.pi / number * (0.7 + 0.3 * torch.rand(count, _LOBES, generator=generator))
    away = 2.2 + 0.7 * torch.rand(count, _LOBES, generator=generator)
    centres = away[..., None] * torch.stack((angle.cos(), angle.sin()), dim=-1)
    radius = 1.5 + 0.8 * torch.rand(count, _LOBES, generator=generator)
    exists = torch.arange(_LOBES) < number
    lobe_distance = (points[:, None] - centres[:, :, None, None]).norm(dim=-1) - radius[:, :, None, None]
    lobes = (torch.sigmoid(-lobe_distance / 0.3) * exists[:, :, None, None]).amax(dim=1)
    amounts = torch.zeros(count, len(strength), side, side)
    amounts[:, 0] = (0.95 * lobes + 0.05 * body) * strength[0]
    amounts[:, 2] = 0.06 * body * strength[2]
    return DrawnCells(amounts, body > 0.5, lobes > 0.5, torch.zeros(count, dtype=torch.long))


def draw_debris(count: int, pixel: float, strength: Tensor, generator: torch.Generator | None = None) -> DrawnCells:
    """Pieces of all colours and shapes, without nuclei."""
    settings = TextureSettings(crooked=1.0, folds=0.3, tattered=0.7, granules=1.0, unevenness=0.35, halo=0.0)
    return draw_cells((_DEBRIS,), count, pixel, settings, strength, generator)


def draw_specks(height: int, width: int, count: int, pixel: float, generator: torch.Generator | None = None) -> Tensor:
    """Bacteria as optical density of one unit dye, (height, width): short rods at random places and angles."""
    canvas_ = torch.zeros(height * width)
    if count:
        place = torch.rand(count, 2, generator=generator) * torch.tensor([width, height])
        angle = 2 * math.pi * torch.rand(count, generator=generator)
        length = (1 + 2 * torch.rand(count, generator=generator)) / pixel
        steps = torch.linspace(-0.5, 0.5, 9)
        direction = torch.stack((angle.cos(), angle.sin()), dim=-1)
        dots = place[:, None] + (length[:, None] * steps)[..., None] * direction[:, None]
        column, row = dots[..., 0].long(), dots[..., 1].long()
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        weight = (0.03 + 0.12 * torch.rand(count, 1, generator=generator)) * length[:, None] / len(steps)
        canvas_.index_add_(0, (row * width + column)[inside], weight.expand_as(column)[inside])
    return gaussian_blur(canvas_.reshape(height, width), 0.35 / pixel)


def draw_dust(height: int, width: int, count: int, pixel: float, depth: float, generator: torch.Generator | None = None) -> Tensor:
    """Dust out of focus as optical density, (height, width): soft discs and rings."""
    total = torch.zeros(height, width)
    rows, columns = torch.arange(height)[:, None] * pixel, torch.arange(width)[None] * pixel
    draw = torch.rand(count, 6, generator=generator)
    for x, y, size, strength, ring, stretch in draw.tolist():
        dx, dy = columns - x * width * pixel, rows - y * height * pixel
        distance = (dx.square() * (0.6 + 0.8 * stretch) + dy.square() / (0.6 + 0.8 * stretch)).sqrt()
        radius = 1.5 + 4.5 * size
        disc = torch.sigmoid((radius - distance) / (0.15 * radius + 0.3))
        if ring < 0.35:
            disc = disc - 0.8 * torch.sigmoid((0.55 * radius - distance) / (0.15 * radius + 0.3))
        total = total + depth * (0.3 + 1.7 * strength) * disc
    return total
