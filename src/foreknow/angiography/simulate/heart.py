"""The heart as an ellipsoid in the patient: where on it the coronary arteries run."""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import ParameterError

_APEX = (0.62, -0.55, -0.56)
_ANTERIOR_GROOVE = (0.15, -0.72, 0.68)
_LEFT_BEHIND = (0.80, 0.55, 0.25)


@dataclass(frozen=True, slots=True)
class HeartSettings:
    """Size of the heart's surface in diastole.

    Attributes:
        long_half_axis: centre to apex, mm (hearts are 110 to 130 mm long in adults; choice).
        short_half_axis: centre to the outer wall, mm (heart about 80 to 95 mm across; choice).
        spread: standard deviation of log size between patients (choice).

    Raises:
        ParameterError: if a length is not positive.
    """

    long_half_axis: float = 60.0
    short_half_axis: float = 44.0
    spread: float = 0.07

    def __post_init__(self) -> None:
        if not (self.long_half_axis > 0 and self.short_half_axis > 0 and self.spread >= 0):
            message = f"a heart needs positive half axes and a spread of 0 or more, not {self}"
            raise ParameterError(message)


@dataclass(frozen=True, slots=True)
class Heart:
    """An ellipsoid about the isocentre with the heart's own axes.

    Patient axes in mm: x to the patient's left, y to the back, z to the head. Heart axes: first towards the anterior
    interventricular groove, second towards the left and back, third (long) towards the apex.

    Attributes:
        axes: (3, 3) float64; columns are the heart's axes in patient coordinates.
        half_axes: (3,) float64 mm.
    """

    axes: Tensor
    half_axes: Tensor

    def surface(self, azimuth: Tensor, latitude: Tensor, depth: Tensor) -> Tensor:
        """Points (..., 3) in heart coordinates, mm.

        Args:
            azimuth: degrees about the long axis; 0 is the anterior groove, 90 the left wall, about 195 the posterior groove.
            latitude: degrees; 90 is the apex, about -20 the atrioventricular groove.
            depth: 1 on the surface, below 1 inside.
        """
        azimuth, latitude = torch.deg2rad(azimuth), torch.deg2rad(latitude)
        unit = torch.stack((latitude.cos() * azimuth.cos(), latitude.cos() * azimuth.sin(), latitude.sin()), dim=-1)
        return unit * depth[..., None] * self.half_axes

    def place(self, points: Tensor) -> Tensor:
        """Heart coordinates (..., 3) to patient coordinates, mm."""
        return points @ self.axes.T


def draw_heart(settings: HeartSettings, generator: torch.Generator | None = None) -> Heart:
    """A heart of a patient: size and direction vary (the axis by about 6 degrees)."""
    normal = torch.randn(5, generator=generator, dtype=torch.float64)
    scale = torch.exp(settings.spread * normal[:2])
    short = settings.short_half_axis * scale[0]
    long = _unit(torch.tensor(_APEX, dtype=torch.float64) + 0.1 * normal[2:])
    groove = torch.tensor(_ANTERIOR_GROOVE, dtype=torch.float64)
    first = _unit(groove - (groove @ long) * long)
    second = torch.linalg.cross(long, first)
    if float(second @ torch.tensor(_LEFT_BEHIND, dtype=torch.float64)) < 0:
        second = -second
    half_axes = torch.stack((short, short, settings.long_half_axis * scale[1]))
    return Heart(torch.stack((first, second, long), dim=1), half_axes)


def _unit(vector: Tensor) -> Tensor:
    return vector / vector.norm()
