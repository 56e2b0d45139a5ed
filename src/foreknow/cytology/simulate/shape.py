"""Shapes of flat cells: rounded polygons, elongated, crooked, folded over."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.simulate.fields import smooth_field

_SIDES = 7


@dataclass(frozen=True, slots=True)
class Shapes:
    """Outlines of several cells as gauges: a point is inside where the gauge is below 1.

    Attributes:
        normals: (cells, sides, 2) directions of the sides.
        reach: (cells, sides) distance of each side from the middle, micrometres.
        sharpness: (cells,) how pointed the corners are.
        squeeze: (cells, 2, 2) linear map that undoes the elongation.
    """

    normals: Tensor
    reach: Tensor
    sharpness: Tensor
    squeeze: Tensor

    def gauge(self, points: Tensor) -> Tensor:
        """Of points (cells, height, width, 2) in micrometres from the middle: 0 there, 1 on the outline."""
        straight = torch.einsum("chwi,cij->chwj", points, self.squeeze)
        sides = torch.einsum("chwi,csi->chws", straight, self.normals) / self.reach[:, None, None, :]
        sharp = self.sharpness[:, None, None, None]
        return ((sides.clamp_min(0) ** sharp).sum(-1) + 1e-12) ** (1 / sharp[..., 0])


def draw_shapes(diameters: Tensor, corners: Tensor, elongations: Tensor, generator: torch.Generator | None = None) -> Shapes:
    """Shapes of the area of a disc of ``diameters`` (cells,) micrometres, to about 10 %."""
    count = len(diameters)
    even = torch.arange(_SIDES) * 2 * math.pi / _SIDES
    angles = even + 0.32 * torch.randn(count, _SIDES, generator=generator) + 2 * math.pi * torch.rand(count, 1, generator=generator)
    normals = torch.stack((angles.cos(), angles.sin()), dim=-1)
    reach = diameters[:, None] / 2 * (0.97 + 0.13 * torch.randn(count, _SIDES, generator=generator).clamp(-2, 2))
    sharpness = 2.5 + (3 + 22 * torch.rand(count, generator=generator)) * corners
    ratio = (1 + (elongations - 1) * torch.rand(count, generator=generator) ** 2).sqrt()
    turn = 2 * math.pi * torch.rand(count, generator=generator)
    cos, sin = turn.cos(), turn.sin()
    rotation = torch.stack((torch.stack((cos, -sin), -1), torch.stack((sin, cos), -1)), -2)
    squeeze = rotation @ torch.diag_embed(torch.stack((1 / ratio, ratio), -1)) @ rotation.mT
    turns = torch.arange(64) * 2 * math.pi / 64
    circle = torch.stack((turns.cos(), turns.sin()), dim=-1) * diameters[:, None, None] / 2
    level = Shapes(normals, reach, sharpness, torch.eye(2).expand(count, 2, 2)).gauge(circle[:, None])[:, 0]
    return Shapes(normals, reach * level.pow(-2).mean(dim=1, keepdim=True).rsqrt(), sharpness, squeeze)


def canvas(count: int, side: int, pixel: float) -> Tensor:
    """Coordinates (count, side, side, 2) in micrometres, right and down, from the middle."""
    line = (torch.arange(side) - (side - 1) / 2) * pixel
    return torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=-1).expand(count, side, side, 2)


def warp(points: Tensor, pixel: float, amplitude: float, correlation: float, generator: torch.Generator | None = None) -> Tensor:
    """Points displaced smoothly and at random, so that outlines are not straight; micrometres."""
    count, height, width, _ = points.shape
    shift = smooth_field((height, width), correlation / pixel, generator, batch=2 * count)
    return points + amplitude * shift.reshape(count, 2, height, width).movedim(1, -1)


def folded(shapes: Shapes, points: Tensor, direction: Tensor, crease: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A sheet folded over along straight lines.

    What lies beyond the crease is laid back on the cell, as a sheet of paper: there are two layers on one side and none beyond.

    Args:
        shapes: outlines of the unfolded sheets.
        points: (cells, height, width, 2) where to look, micrometres.
        direction: (cells,) radians, across the crease.
        crease: (cells,) its distance from the middle, micrometres; infinite for no fold.

    Returns:
        Gauges (cells, height, width) of the sheet and of the flap (1 or more where there is none), and distance beyond the crease,
        micrometres (negative on the cell).
    """
    across = torch.stack((direction.cos(), direction.sin()), dim=-1)
    limit = torch.where(crease.isfinite(), crease, 1e6)
    beyond = torch.einsum("chwi,ci->chw", points, across) - limit[:, None, None]
    mirrored = points - 2 * beyond[..., None] * across[:, None, None, :]
    here = beyond <= 0
    sheet = torch.where(here, shapes.gauge(points), 9.0)
    near = torch.where((crease.isfinite())[:, None, None], shapes.gauge(mirrored), 9.0)
    return sheet, torch.where(here, near, 9.0), beyond
