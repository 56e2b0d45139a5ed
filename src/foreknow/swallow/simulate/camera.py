"""A pinhole camera in front of a moving neck."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.swallow.simulate.neck import REACH
from foreknow.swallow.simulate.swallows import Range, check_ranges

PIVOT = (0.0, 25.0, 60.0)
"""About which the head turns: in the cervical spine, millimetres from the prominence."""


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """Where the camera stands and what it sees.

    Attributes:
        width: columns of the region of interest, pixels.
        height: rows.
        pixel_mm: side of a pixel at the distance of the neck; with 160 columns 0.85 mm shows 136 mm. (A D415 has 0.5 mm at 0.5 m,
            a D435 at 848 columns 1.1 mm, an iPhone 0.7 mm at 0.3 m.)
        distance_mm: from the camera to the prominence (350 to 700).
        pitch_degrees: by how much it looks up (0 to 25).
        offset_mm: largest distance of the prominence from the middle of the picture, along each axis.

    Raises:
        ParameterError: if a size is not positive or a range not in order.
    """

    width: int = 160
    height: int = 160
    pixel_mm: float = 0.85
    distance_mm: Range = (400.0, 600.0)
    pitch_degrees: Range = (5.0, 20.0)
    offset_mm: float = 6.0

    def __post_init__(self) -> None:
        if not (min(self.width, self.height) >= 8 and 0 < self.pixel_mm < 50 and 0 <= self.offset_mm < REACH):
            message = f"the camera needs 8 pixels a side or more, a positive size of a pixel and an offset of 0 or more, not {self}"
            raise ParameterError(message)
        check_ranges(self, "distance_mm", lowest=50.0)
        check_ranges(self, "pitch_degrees", lowest=-45.0)


@dataclass(frozen=True, slots=True)
class Pose:
    """Neck to camera for every frame: p_camera = rotation p_neck + translation.

    Attributes:
        rotation: (time, 3, 3).
        translation: (time, 3), millimetres.
    """

    rotation: Tensor
    translation: Tensor

    def part(self, frames: slice) -> Self:
        """The poses of some frames."""
        return replace(self, rotation=self.rotation[frames], translation=self.translation[frames])


def poses(distance: float, pitch: float, angles: Tensor, position: Tensor) -> Pose:
    """The poses of a neck that sways before a camera.

    Args:
        distance: from the camera to the prominence at rest, millimetres.
        pitch: by how much the camera looks up, degrees.
        angles: (3, time) of the neck about its axes (right, down, away), radians.
        position: (3, time) of the neck, millimetres.
    """
    x, y, z = angles.to(torch.float64)
    zero = torch.zeros_like(x)
    skew = torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), dim=-1).reshape(-1, 3, 3)
    turned = torch.linalg.matrix_exp(skew)
    tilt = torch.deg2rad(torch.tensor(pitch, dtype=torch.float64))
    sine, cosine = float(torch.sin(tilt)), float(torch.cos(tilt))
    look = torch.tensor(((1.0, 0.0, 0.0), (0.0, cosine, sine), (0.0, -sine, cosine)), dtype=torch.float64)
    pivot = torch.tensor(PIVOT, dtype=torch.float64)
    moved = pivot - turned @ pivot + position.to(torch.float64).T
    return Pose(look @ turned, moved @ look.T + torch.tensor((0.0, 0.0, distance), dtype=torch.float64))
