"""Cells drawn one beside the other on their own small canvases: how much of which dye is where."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.cytology.simulate.cells import CellKind
from foreknow.cytology.simulate.shape import canvas, draw_shapes, folded, warp
from foreknow.errors import ParameterError
from foreknow.simulate.fields import power_law_field

_SOFT = 0.35  # micrometres over which an edge rises


@dataclass(frozen=True, slots=True)
class TextureSettings:
    """What makes cells look like cells; all by the look of lbc, edf and oral fields unless said otherwise.

    Attributes:
        crooked: displacement of outlines, micrometres.
        folds: share of cells that are folded over.
        rolled: share of folded cells whose fold lies near the middle, so that they look narrow and dark.
        wrinkles: optical density of thin creases relative to the cytoplasm.
        granules: share of cells with a coarse, grained or vacuolated cytoplasm.
        unevenness: standard deviation of the cytoplasm's density within a cell, relative.
        halo: share of cells with a pale rim around the nucleus.
        chromatin: standard deviation of density within a nucleus, relative.
        tattered: share of cells with a frayed edge.
        mixture: standard deviation of the log of each dye's share between cells of a kind.

    Raises:
        ParameterError: if a share is not within 0..1 or an amplitude is negative.
    """

    crooked: float = 0.9
    folds: float = 0.55
    rolled: float = 0.3
    wrinkles: float = 1.2
    granules: float = 0.5
    unevenness: float = 0.12
    halo: float = 0.3
    chromatin: float = 0.18
    tattered: float = 0.15
    mixture: float = 0.6

    def __post_init__(self) -> None:
        shares = (self.folds, self.rolled, self.granules, self.halo, self.tattered)
        if not (
            all(0 <= share <= 1 for share in shares)
            and min(self.crooked, self.wrinkles, self.unevenness, self.chromatin, self.mixture) >= 0
        ):
            message = f"texture needs shares within 0 and 1 and amplitudes of 0 or more, not {self}"
            raise ParameterError(message)


@dataclass(frozen=True, slots=True)
class DrawnCells:
    """Cells on canvases of one size.

    Attributes:
        amounts: (cells, dyes, side, side) float32 of each dye, in optical density along its unit vector.
        cytoplasm: (cells, side, side) bool, the whole cell with its nucleus.
        nucleus: (cells, side, side) bool.
        kinds: (cells,) which of the kinds.
    """

    amounts: Tensor
    cytoplasm: Tensor
    nucleus: Tensor
    kinds: Tensor


def draw_cells(
    kinds: tuple[CellKind, ...], count: int, pixel: float, settings: TextureSettings, strength: Tensor,
    generator: torch.Generator | None = None,
) -> DrawnCells:  # fmt: skip
    """Draw cells of random kind, size, shape, fold, texture and stain.

    Args:
        kinds: of cells.
        count: how many.
        pixel: micrometres.
        settings: of their texture.
        strength: (dyes,) of the slide's stain.
        generator: source of all random numbers (CPU).
    """
    chosen = torch.multinomial(torch.tensor([kind.share for kind in kinds]), count, replacement=True, generator=generator)
    diameter = _ranges([kind.diameter for kind in kinds], chosen, generator)
    elongation = torch.tensor([kind.elongation for kind in kinds])[chosen]
    corners = torch.tensor([kind.corners for kind in kinds])[chosen]
    side = math.ceil(1.35 * float((diameter * elongation.sqrt()).max()) / pixel) | 1
    draw = torch.rand(9, count, generator=generator)
    shapes = draw_shapes(diameter, corners, elongation, generator)
    points = canvas(count, side, pixel)
    bent = warp(points, pixel, settings.crooked, 9.0, generator)
    fine = power_law_field((side, side), 2.2, generator, longest=12 / pixel, shortest=max(2.0, 0.5 / pixel), batch=count)
    crease = torch.where(
        draw[0] < settings.folds,
        diameter * torch.where(draw[1] < settings.rolled, 0.02 + 0.16 * draw[2], 0.24 + 0.22 * draw[2]),
        math.inf,
    )
    sheet, flap, beyond = folded(shapes, bent, 2 * math.pi * draw[3], crease)
    frayed = torch.where(draw[4] < settings.tattered, 0.045, 0.008)[:, None, None] * fine
    scale = diameter[:, None, None] / 2
    layers = [torch.sigmoid((1 - gauge - frayed) * scale / _SOFT * 2) for gauge in (sheet, flap)]
    rim = sum(torch.exp(-0.5 * (((1 - gauge - frayed) * scale - 1.2) / 0.8).square()) for gauge in (sheet, flap))
    edge = torch.exp(-0.5 * ((beyond + 0.8) / 0.7).square()) * layers[0]
    grained = torch.where(draw[5] < settings.granules, 2.2, 0.8)[:, None, None]
    uneven = (1 + settings.unevenness * (grained * fine + _broad(count, side, pixel, generator))).clamp(0.15, 3.0)
    wrinkle = settings.wrinkles * _wrinkles(count, side, pixel, generator) * draw[6][:, None, None]
    halo_depth = torch.where(draw[7] < settings.halo, 0.6, 0.0)[:, None, None]
    nucleus, from_nucleus = _nuclei(kinds, chosen, diameter, crease, draw[3], points, pixel, generator)
    halo = 1 - halo_depth * torch.exp(-0.5 * ((from_nucleus - 1.6) / 1.0).square())
    density = _ranges([kind.density for kind in kinds], chosen, generator)[:, None, None]
    thick = (layers[0] + layers[1]) * uneven * halo * (1 + wrinkle) + 0.35 * rim + 0.9 * edge
    cytoplasm = layers[0] > 0.5
    dyes = torch.tensor([kind.dyes for kind in kinds])[chosen]
    dyes = dyes * torch.exp(settings.mixture * torch.randn(dyes.shape, generator=generator))
    dyes = dyes / dyes.sum(1, keepdim=True) * strength
    blotchy = 1 + 0.25 * _broad(count * len(strength), side, pixel, generator).reshape(count, len(strength), side, side)
    amounts = (density * thick)[:, None] * dyes[:, :, None, None] * blotchy.clamp(0.1, 2)
    chromatin = power_law_field((side, side), 1.8, generator, longest=4 / pixel, shortest=max(2.0, 0.4 / pixel), batch=count)
    dark = _ranges([kind.nucleus_density for kind in kinds], chosen, generator)[:, None, None]
    nuclear = dark * nucleus * (1 + settings.chromatin * chromatin).clamp(0.3, 2) * strength[0] * layers[0].clamp_min(0.3)
    amounts[:, 0] += nuclear
    return DrawnCells(amounts, cytoplasm, (nucleus > 0.5) & cytoplasm, chosen)


def _nuclei(
    kinds: tuple[CellKind, ...], chosen: Tensor, diameter: Tensor, crease: Tensor, turn: Tensor, points: Tensor, pixel: float,
    generator: torch.Generator | None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Coverage 0..1 of the nuclei, and distance from their rim in micrometres (negative inside), (cells, side, side)."""
    count = len(chosen)
    size = _ranges([kind.nucleus for kind in kinds], chosen, generator)
    place = 0.07 * diameter[:, None] * torch.randn(count, 2, generator=generator)
    direction = torch.stack(((2 * math.pi * turn).cos(), (2 * math.pi * turn).sin()), dim=-1)
    ahead = (place * direction).sum(1) - (
        crease - 0.6 * size
    )  # a nucleus beyond the crease goes with the flap: keep it on the sheet
    place = place - torch.where(ahead.isfinite(), ahead.clamp_min(0), 0.0)[:, None] * direction
    shapes = draw_shapes(size, torch.zeros(count), torch.full((count,), 1.6), generator)
    lumpy = warp(points - place[:, None, None, :], pixel, 0.2, 2.0, generator)
    distance = (shapes.gauge(lumpy) - 1) * size[:, None, None] / 2
    return torch.sigmoid(-distance / _SOFT * 2.5), distance


def _broad(count: int, side: int, pixel: float, generator: torch.Generator | None) -> Tensor:
    return power_law_field((side, side), 3.0, generator, longest=40 / pixel, shortest=8 / pixel, batch=count)


def _wrinkles(count: int, side: int, pixel: float, generator: torch.Generator | None) -> Tensor:
    """Thin crooked lines, 0..1: where a smooth field crosses zero, in places that another field chooses."""
    field = power_law_field((side, side), 3.5, generator, longest=45 / pixel, shortest=6 / pixel, batch=2 * count)
    line = torch.exp(-0.5 * (field[:count] / 0.04).square())
    return line * torch.sigmoid(4 * (field[count:] - 0.3))


def _ranges(ranges: list[tuple[float, float]], chosen: Tensor, generator: torch.Generator | None) -> Tensor:
    """Numbers drawn evenly from the range of each one's kind."""
    limits = torch.tensor(ranges)[chosen]
    return limits[:, 0] + (limits[:, 1] - limits[:, 0]) * torch.rand(len(chosen), generator=generator)
