"""From optical density to an image: lamp, defocus, objective, sensor."""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.simulate.blur import gaussian_blur
from foreknow.simulate.fields import smooth_field, uniform


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """Formation of the image; ranges are drawn from evenly for each image.

    Attributes:
        white: value of empty glass in red, green and blue over the largest (oral scan: 0.91, 0.90, 0.88; lbc is over-exposed: 1).
        white_spread: standard deviation of its log, per channel.
        exposure: factor on all channels; above 1 / ``white`` the background saturates.
        vignetting: fall of light to the corners, relative (choice).
        gradient: standard deviation of the log of smoothly uneven light (choice).
        blur: standard deviation of the objective's point spread, micrometres (0.3).
        quanta: electrons at full scale; noise goes as their root (choice: 0.5 to 2 of 255 in the background of lbc, oral and edf).
        read_noise: standard deviation, relative to full scale.

    Raises:
        ParameterError: if a number is negative or a range not in order.
    """

    white: tuple[float, float, float] = (0.93, 0.92, 0.90)
    white_spread: float = 0.012
    exposure: tuple[float, float] = (0.97, 1.12)
    vignetting: tuple[float, float] = (0.0, 0.08)
    gradient: tuple[float, float] = (0.0, 0.03)
    blur: float = 0.3
    quanta: tuple[float, float] = (15000.0, 60000.0)
    read_noise: float = 0.001

    def __post_init__(self) -> None:
        ranges = (self.exposure, self.vignetting, self.gradient, self.quanta)
        numbers = (*self.white, self.white_spread, self.blur, self.read_noise)
        if not (all(0 <= low <= high for low, high in ranges) and min(numbers) >= 0 and self.quanta[0] > 0):
            message = f"a camera needs numbers of 0 or more, ranges in order and some quanta, not {self}"
            raise ParameterError(message)


def draw_light(settings: CameraSettings, height: int, width: int, generator: torch.Generator | None = None) -> Tensor:
    """What the sensor would see of empty glass, (3, height, width) relative to full scale; may be above 1."""
    white = torch.tensor(settings.white) * torch.exp(settings.white_spread * torch.randn(3, generator=generator))
    centre = 0.2 * torch.randn(2, generator=generator)
    y = torch.linspace(-1, 1, height)[:, None] - centre[0]
    x = torch.linspace(-1, 1, width)[None] - centre[1]
    fall = uniform(settings.vignetting, generator) * (x.square() + y.square()) / 2
    uneven = smooth_field((height, width), max(height, width) / 5, generator)
    light = (1 - fall) * torch.exp(uniform(settings.gradient, generator) * uneven)
    return uniform(settings.exposure, generator) * white[:, None, None] * light


def focus(density: Tensor, glass: Tensor, settings: CameraSettings, pixel: float) -> Tensor:
    """Optical density (3, height, width) as it is measured through the objective, which blurs light, not density.

    Args:
        density: of what lies on the glass.
        glass: light through empty glass, (3, height, width).
        settings: of the camera.
        pixel: micrometres.
    """
    sigma = settings.blur / pixel
    return (gaussian_blur(glass, sigma) / gaussian_blur(glass * 10**-density, sigma).clamp_min(1e-9)).log10().clamp_min(0)


def expose(seen: Tensor, settings: CameraSettings, generator: torch.Generator | None = None) -> Tensor:
    """The image of expected light (3, height, width) relative to full scale, (height, width, 3) uint8."""
    quanta = uniform(settings.quanta, generator)
    electrons = torch.poisson(seen * quanta, generator=generator) / quanta
    noisy = electrons + settings.read_noise * torch.randn(electrons.shape, generator=generator)
    return (255 * noisy).round().clamp(0, 255).to(torch.uint8).movedim(0, -1).contiguous()
