"""The shape of a neck at rest, and where its skin moves when something below it does, as tables over the frontal plane.

Coordinates are millimetres from the laryngeal prominence at rest: x to the right of the picture, y down, z away from the camera.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.simulate.fields import smooth_field, uniform
from foreknow.swallow.simulate.swallows import Range, check_ranges

REACH = 120.0
"""Half the side of the tables, millimetres."""
STEP = 0.5
"""Distance of their points, millimetres; a bilinear table of a 60 mm cylinder is wrong by less than 0.001 mm."""


@dataclass(frozen=True, slots=True)
class NeckSettings:
    """The shape of a person's neck; a value is drawn from each range.

    Attributes:
        prominence_mm: height of the laryngeal prominence under the skin (men 3 to 6, women 1 to 3, not published).
        prominence_width_mm: standard deviation of its Gaussian form (8 to 11).
        half_width_mm: of the elliptic cylinder (50 to 70).
        half_depth_mm: of the same.
        chin_mm: height of the angle between neck and mouth floor above the prominence.
        chin_degrees: slope of the mouth floor (rising with an extended neck, as the test asks for; choice).
        notch_mm: depth of the sternal notch (choice).
        ridge_mm: height of the sternomastoid ridges (choice).
        texture_mm: standard deviation of the unevenness of the skin (choice).
        clothing_mm: thickness of a collar (0 for none).
        clothing_edge_mm: its edge below the prominence.
        hair: share of pixels without a measurement in the strands beside the neck, 0 for none.
        beard: the same below the chin.

    Raises:
        ParameterError: if a range is not in order, or a share is none.
    """

    prominence_mm: Range = (3.0, 5.0)
    prominence_width_mm: Range = (8.0, 11.0)
    half_width_mm: Range = (52.0, 66.0)
    half_depth_mm: Range = (50.0, 65.0)
    chin_mm: Range = (28.0, 38.0)
    chin_degrees: Range = (52.0, 66.0)
    notch_mm: Range = (3.0, 7.0)
    ridge_mm: Range = (1.5, 4.0)
    texture_mm: Range = (0.15, 0.35)
    clothing_mm: Range = (0.0, 0.0)
    clothing_edge_mm: Range = (35.0, 55.0)
    hair: float = 0.0
    beard: float = 0.0

    def __post_init__(self) -> None:
        check_ranges(self, "prominence_mm", "notch_mm", "ridge_mm", "texture_mm", "clothing_mm", "clothing_edge_mm")
        check_ranges(self, "prominence_width_mm", "half_width_mm", "half_depth_mm", "chin_mm", "chin_degrees", lowest=1.0)
        if not (0 <= self.hair < 1 and 0 <= self.beard < 1 and self.chin_degrees[1] < 85):
            message = f"hair and beard are shares below 1 and the slope of the mouth floor is below 85 degrees, not {self}"
            raise ParameterError(message)


@dataclass(frozen=True, slots=True)
class Neck:
    """A person's neck.

    Attributes:
        height: (n, n) table of z at rest without the prominence, millimetres.
        patterns: (channels, n, n) how the skin moves outwards per millimetre of mouth floor, jaw, breathing, pulse.
        dropout: (n, n) share of pixels that hair and beard hide; None without them.
        prominence: millimetres.
        width: standard deviation of the prominence, millimetres.
    """

    height: Tensor
    patterns: Tensor
    dropout: Tensor | None
    prominence: float
    width: float


def draw_neck(settings: NeckSettings, generator: torch.Generator) -> Neck:
    """Draw a neck; tables are float32 on the CPU."""
    axis = torch.arange(-REACH, REACH + STEP / 2, STEP, dtype=torch.float64)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    half_width, half_depth = uniform(settings.half_width_mm, generator), uniform(settings.half_depth_mm, generator)
    hyoid, slope = (
        -uniform(settings.chin_mm, generator),
        torch.tan(torch.deg2rad(torch.tensor(uniform(settings.chin_degrees, generator)))),
    )
    inside = (x / half_width).abs().clamp(max=0.985)
    cylinder = half_depth * (1 - (1 - inside.square()).sqrt()) + 1.6 * (x.abs() - 0.985 * half_width).clamp(min=0).clamp(max=25)
    floor = float(slope) * _softplus(hyoid - y, 3.0) * torch.exp(-((x / 46) ** 4))
    chin = floor - _softplus(floor - 46, 4.0)
    chest = 0.55 * _softplus(y - 58, 6.0) + 9 * _bell(x.abs() - 38, 22) * _bell(y - 74, 9)
    notch = uniform(settings.notch_mm, generator) * _bell(x, 11) * _bell(y - 58, 10)
    middle = 0.55 * half_width * (1 - (y + 60) / 150).clamp(0.12, 1.2)
    ridge = uniform(settings.ridge_mm, generator) * _bell(x.abs() - middle, 6.5) * torch.sigmoid((y + 45) / 12)
    texture = uniform(settings.texture_mm, generator) * smooth_field(x.shape, 5.0 / STEP, generator, dtype=torch.float64)
    folds = 0.5 * _bell(y - hyoid - 7 - 0.002 * x.square(), 1.6) + 0.3 * _bell(y - 21 - 0.003 * x.square(), 1.4)
    skin = cylinder - chin - chest + notch - ridge + texture + folds * torch.exp(-((x / 40) ** 2))
    thickness, edge = uniform(settings.clothing_mm, generator), uniform(settings.clothing_edge_mm, generator)
    border = y - edge + 0.004 * x.square() - 1.5 * smooth_field(x.shape, 12.0 / STEP, generator, dtype=torch.float64)
    worn = torch.sigmoid(border / 0.6)
    crease = 0.5 * smooth_field(x.shape, 6.0 / STEP, generator, dtype=torch.float64).abs()
    height = skin - worn * thickness * (1 + crease)
    width = uniform(settings.prominence_width_mm, generator)
    prominence = uniform(settings.prominence_mm, generator)
    patterns = torch.stack(
        (
            _bell(x, 20) * _bell(y - hyoid + 8, 11),
            torch.sigmoid((hyoid - 3 - y) / 5) * torch.exp(-((x / 48) ** 4)),
            (0.35 + 0.65 * torch.sigmoid((y - 25) / 18)) * (1 - 0.7 * torch.sigmoid((hyoid - y) / 8)),
            _bell(x.abs() - 24, 9) * _bell(y + 5, 28),
        )
    )
    hidden = None
    if settings.hair or settings.beard:
        strands = smooth_field(x.shape, 3.0 / STEP, generator, dtype=torch.float64)
        beside = torch.sigmoid((x.abs() - 40 - 6 * strands) / 3)
        chin_hair = torch.sigmoid((hyoid + 4 - y + 3 * strands) / 4)
        hidden = 1 - (1 - settings.hair * beside) * (1 - settings.beard * chin_hair)
    dropout = None if hidden is None else hidden.float()
    return Neck(height.float(), patterns.float(), dropout, prominence, width)


def _bell(value: Tensor, width: float) -> Tensor:
    return torch.exp(-0.5 * (value / width).square())


def _softplus(value: Tensor, width: float) -> Tensor:
    """max(0, value) rounded over ``width``."""
    return width * torch.nn.functional.softplus(value / width)
