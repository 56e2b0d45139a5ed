"""The C-arm's geometry: from millimetres in the patient to pixels on the detector."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import ParameterError

STANDARD_VIEWS: dict[str, tuple[tuple[float, float], ...]] = {
    "left": ((-30, -25), (-10, 35), (45, 25), (45, -25), (0, -30), (-30, 30), (-5, 0)),
    "right": ((45, 0), (-30, 0), (0, 30), (35, 20)),
}
"""Usual projections (primary, secondary) in degrees: LAO and cranial positive, RAO and caudal negative."""


@dataclass(frozen=True, slots=True)
class ViewSettings:
    """Geometry of the C-arm.

    Attributes:
        angles: (primary, secondary) in degrees, LAO and cranial positive; None draws a standard view of the artery, varied by a few
            degrees.
        source_to_isocentre: mm (DICOM XA of usual systems: 720 to 810).
        source_to_detector: mm (950 to 1200).
        field_of_view: side of the square picture at the isocentre, mm (a detector field of 18 to 20 cm at magnification 1.4).

    Raises:
        ParameterError: if the distances are not in order.
    """

    angles: tuple[float, float] | None = None
    source_to_isocentre: float = 765.0
    source_to_detector: float = 1050.0
    field_of_view: float = 130.0

    def __post_init__(self) -> None:
        if not 200 < self.source_to_isocentre < self.source_to_detector or self.field_of_view <= 0:
            message = f"a view needs 200 mm < source_to_isocentre < source_to_detector and a positive field of view, not {self}"
            raise ParameterError(message)


@dataclass(frozen=True, slots=True)
class View:
    """A projection.

    Attributes:
        axes: (3, 3) float64; rows are, in patient coordinates, to the right in the picture, down in it, towards the detector.
        angles: (primary, secondary), degrees.
        pixel: side of a pixel at the isocentre, mm.
        size: pixels of a side.
        source_to_isocentre: mm.
        centre: (2,) what lies in the middle of the picture, (right, down) mm from the isocentre.
    """

    axes: Tensor
    angles: tuple[float, float]
    pixel: float
    size: int
    source_to_isocentre: float
    centre: Tensor

    def turn(self, points: Tensor) -> Tensor:
        """Patient coordinates (..., 3) to picture coordinates (right, down, towards the detector), mm."""
        return points @ self.axes.T

    def project(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Perspective projection of patient coordinates (..., 3).

        Returns:
            (..., 2) place in pixels as (column, row), the centre of the first pixel being (0, 0); and (...) magnification relative
            to the isocentre.
        """
        turned = self.turn(points)
        magnification = self.source_to_isocentre / (self.source_to_isocentre + turned[..., 2])
        place = (turned[..., :2] - self.centre) * magnification[..., None] / self.pixel + (self.size - 1) / 2
        return place, magnification

    def grid(self, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
        """Of every pixel the place at the isocentre, mm: right (1, size) and down (size, 1)."""
        line = (torch.arange(self.size, dtype=dtype) - (self.size - 1) / 2) * self.pixel
        return line[None, :] + float(self.centre[0]), line[:, None] + float(self.centre[1])


def draw_view(settings: ViewSettings, artery: str, size: int, generator: torch.Generator | None = None) -> View:
    """A view of an artery (``left`` or ``right``); the table is placed so that the heart is about in the middle (+- 9 mm)."""
    normal = torch.randn(4, generator=generator, dtype=torch.float64)
    views = STANDARD_VIEWS[artery]
    chosen = views[int(torch.randint(len(views), (1,), generator=generator))]
    angles = settings.angles or (chosen[0] + 5 * float(normal[0]), chosen[1] + 4 * float(normal[1]))
    primary, secondary = (math.radians(angle) for angle in angles)
    head = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    level = torch.tensor([math.sin(primary), -math.cos(primary), 0.0], dtype=torch.float64)
    right = torch.tensor([math.cos(primary), math.sin(primary), 0.0], dtype=torch.float64)
    forward = math.cos(secondary) * level + math.sin(secondary) * head
    down = -(math.cos(secondary) * head - math.sin(secondary) * level)
    axes = torch.stack((right, down, forward))
    return View(axes, angles, settings.field_of_view / size, size, settings.source_to_isocentre, 9 * normal[2:])
