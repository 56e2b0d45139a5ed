"""Simulated smears as various as fields are: what the network that comes with foreknow has learned from."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from foreknow.cytology.density import optical_density_of
from foreknow.cytology.simulate import SmearSettings, deteriorate, simulate_smear
from foreknow.cytology.simulate.camera import CameraSettings
from foreknow.cytology.simulate.cells import KINDS
from foreknow.cytology.simulate.clutter import ClutterSettings
from foreknow.cytology.simulate.stains import StainSettings
from foreknow.simulate.fields import uniform

_SIDE = 384  # pixels
_PIXEL = (0.35, 1.1)  # micrometres; cells of 20 to 150 pixels
_COVERED = (0.02, 1.6)  # areas of the cells over that of the field, before they overlap
_CELL = 1500.0  # square micrometres of a usual cell
_STAIN = (0.35, 1.3)  # how dark cytoplasm is, in that of a usual slide
_UNEVEN, _CORNERS = (0.0, 0.06), (0.0, 0.2)  # of the lamp
_GREY, _WORSE = 3, 2  # one in so many is grey; one in so many is made worse


def simulated_field(number: int, seed: int) -> Tensor:
    """Optical density of one simulated smear, (3, 384, 384): of any magnification, density of cells, stain and lamp.

    Numbers and the seed tell all; cover, stain and size are spread evenly over successive numbers. One in three is grey, as the
    same in all channels: one channel of the camera or their mean, since scanners and archives give either.
    """
    generator = torch.Generator().manual_seed(seed * 10_000 + number)
    spread = [(number * share + float(torch.rand((), generator=generator)) / 8) % 1 for share in (0.6180, 0.7549, 0.5698)]
    pixel = math.exp(_within([math.log(one) for one in _PIXEL], spread[0]))
    cover = _within(_COVERED, spread[1] ** 2)
    stain = math.exp(_within([math.log(one) for one in _STAIN], spread[2]))
    kinds = tuple(replace(kind, density=(stain * kind.density[0], stain * kind.density[1])) for kind in KINDS)
    settings = SmearSettings(
        height=_SIDE,
        width=_SIDE,
        pixel=pixel,
        cells=max(1, round(cover * (_SIDE * pixel) ** 2 / _CELL)),
        clumping=uniform((0.2, 0.8), generator),
        overlap=uniform((0.05, 0.5), generator),
        kinds=kinds,
        stains=StainSettings(strength=0.4),
        clutter=ClutterSettings(inflammatory=uniform((0.0, 30.0), generator), mucus=uniform((0.0, 0.02), generator)),
        camera=CameraSettings(gradient=_UNEVEN, vignetting=_CORNERS),
    )
    image = simulate_smear(settings, generator).image
    if number % _GREY == 0:
        image = _grey(image, generator)
    if number % (2 * _WORSE) >= _WORSE:
        image = deteriorate(image, generator=generator)
    density = optical_density_of(image)
    return density.expand(3, -1, -1)


def _within(limits: tuple[float, ...] | list[float], share: float) -> float:
    return limits[0] + share * (limits[1] - limits[0])


def _grey(image: Tensor, generator: torch.Generator) -> Tensor:
    """One channel, or the mean of all, (height, width) uint8."""
    chosen = int(torch.randint(4, (), generator=generator))
    return image[..., chosen] if chosen < 3 else image.float().mean(dim=-1).round().to(torch.uint8)
