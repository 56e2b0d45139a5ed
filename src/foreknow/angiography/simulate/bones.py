"""Bones in the picture: the spine's vertebrae and discs, ribs with their cortical edges."""

import torch
from torch import Tensor

from foreknow.simulate.fields import smooth_field, uniform


def spine(right: Tensor, down: Tensor, place: float, squeeze: float, generator: torch.Generator | None = None) -> Tensor:
    """Attenuation of the thoracic spine relative to a vertebral body, (height, width), mostly 0..1.

    Vertebral bodies 25 to 30 mm apart and 30 to 38 mm wide, waisted, with dense end plates and pedicles, discs between them.

    Args:
        right: (1, width) mm at the isocentre.
        down: (height, 1) mm.
        place: of its axis, mm to the right.
        squeeze: cosine of the cranial or caudal angle: how much the column is foreshortened.
        generator: source of all random numbers (CPU).
    """
    height = uniform((25.0, 30.0), generator) * squeeze
    half = uniform((15.0, 19.0), generator)
    offset = uniform((0.0, height), generator)
    lean = uniform((-0.06, 0.06), generator)
    bend = uniform((-4.0, 4.0), generator)
    x = right - place - lean * down - bend * torch.sin(down / 60)
    level = torch.remainder(down + offset, height) / height  # 0 and 1 in the disc
    from_disc = 0.5 - (level - 0.5).abs()
    body = torch.sigmoid((from_disc - 0.10) / 0.02)
    waist = half * (0.92 + 0.10 * (1 - 2 * from_disc).square())
    chord = (1 - (x / waist).square()).clamp_min(0).sqrt()
    plates = torch.exp(-0.5 * ((from_disc - 0.13) / 0.025).square())
    pedicles = torch.exp(-0.5 * ((x.abs() - 0.62 * half) / 2.2).square() - 0.5 * ((level - 0.35) / 0.10).square())
    process = torch.exp(-0.5 * (x / 3.0).square() - 0.5 * ((level - 0.75) / 0.16).square())
    return chord * (0.55 + 0.45 * body + 0.18 * plates) + 0.18 * pedicles + 0.15 * process


def ribs(right: Tensor, down: Tensor, place: float, squeeze: float, generator: torch.Generator | None = None) -> Tensor:
    """Attenuation of ribs relative to the middle of one, (height, width): posterior ones falling, anterior ones rising outwards."""
    total = torch.zeros(down.shape[0], right.shape[1], dtype=right.dtype)
    crooked = 3.0 * smooth_field(total.shape, total.shape[0] / 5, generator, batch=2, dtype=total.dtype)
    for posterior in (True, False):
        spacing = uniform((26.0, 34.0), generator) * squeeze
        fall = uniform((0.25, 0.6), generator) * (1 if posterior else -1.2)
        droop = uniform((0.001, 0.004), generator) * (1 if posterior else -1)
        offset = uniform((0.0, spacing), generator)
        half = uniform((5.0, 7.5), generator)
        strength = uniform((0.6, 1.0), generator) if posterior else uniform((0.2, 0.5), generator)
        outwards = (right - place).abs()
        line = down + offset - fall * outwards - droop * outwards.square() + crooked[0 if posterior else 1]
        slant = (1 + (fall + 2 * droop * outwards).square()).sqrt()
        distance = (torch.remainder(line + spacing / 2, spacing) - spacing / 2) / slant
        inside = torch.sigmoid((half - distance.abs()) / 0.5)
        edge = torch.exp(-0.5 * ((distance.abs() - half + 1.0) / 0.8).square())
        reach = torch.sigmoid((outwards - (16.0 if posterior else 40.0)) / 4.0)
        total = total + strength * reach * (0.55 * inside + 0.45 * edge)
    return total
