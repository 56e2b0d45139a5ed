"""Pictures made worse as slides, lamps and cameras do: cast, uneven light, dust, scratches, blur, noise."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import ParameterError, ShapeError
from foreknow.simulate.blur import gaussian_blur
from foreknow.simulate.fields import smooth_field


@dataclass(frozen=True, slots=True)
class DeteriorationSettings:
    """How much worse; intensities are relative to the largest value of the picture's type.

    Attributes:
        cast: standard deviation of the log gain of each channel (a stain or lamp colour; choice).
        light: log intensity between the brightest and the darkest place of uneven light (choice).
        dust: grains in a million pixels.
        dust_size: their radius, pixels.
        dust_depth: largest absorbed fraction.
        scratches: expected number.
        scratch_width: pixels.
        scratch_depth: change of log intensity; scratches are dark or bright.
        blur: standard deviation, pixels.
        noise: standard deviation of additive Gaussian noise, relative to the largest value.

    Raises:
        ParameterError: if a number is negative.
    """

    cast: float = 0.10
    light: float = 0.45
    dust: float = 60.0
    dust_size: tuple[float, float] = (2.0, 9.0)
    dust_depth: float = 0.45
    scratches: float = 3.0
    scratch_width: float = 1.2
    scratch_depth: float = 0.35
    blur: float = 0.6
    noise: float = 0.02

    def __post_init__(self) -> None:
        numbers = (self.cast, self.light, self.dust, self.dust_depth, self.scratches, self.scratch_depth, self.blur, self.noise)
        ordered = 0 < self.dust_size[0] <= self.dust_size[1] and self.scratch_width > 0
        if min(numbers) < 0 or not ordered or self.dust_depth >= 1:
            message = f"deterioration needs numbers of 0 or more, sizes in order and a dust depth below 1, not {self}"
            raise ParameterError(message)


def deteriorate_channels(images: Tensor, settings: DeteriorationSettings, generator: torch.Generator | None = None) -> Tensor:
    """A worse copy of channels or frames of one picture.

    Uneven light, dust and scratches are the same for all channels; cast and noise are each one's own. Settings of 0 leave their
    part out exactly.

    Args:
        images: (channels, height, width), uint8, or floating point within 0..1.
        settings: how much worse.
        generator: source of all random numbers (CPU).

    Returns:
        The same shape, dtype and device.

    Raises:
        ShapeError: if there are not three axes.
        ParameterError: if the type is neither uint8 nor floating point.
    """
    if images.ndim != 3:
        message = f"pictures to deteriorate have shape {tuple(images.shape)}, but must be (channels, height, width)"
        raise ShapeError(message)
    if images.dtype is not torch.uint8 and not images.is_floating_point():
        message = f"pictures to deteriorate must be uint8 or floating point within 0 and 1, not {images.dtype}"
        raise ParameterError(message)
    channels, height, width = images.shape
    work = images.cpu().to(torch.float32) / 255 if images.dtype is torch.uint8 else images.cpu().to(torch.float32)
    gain = settings.cast * torch.randn(channels, 1, 1, generator=generator)
    field = smooth_field((height, width), max(height, width) / 6, generator)
    span = (field.amax() - field.amin()).clamp_min(1e-6)
    light = settings.light * (field - field.amax()) / span
    marks = draw_scratches(height, width, settings, generator) + _dust(height, width, settings, generator)
    worse = gaussian_blur(work * torch.exp(gain - gain.clamp_min(0).amax() + light + marks), settings.blur)
    worse = (worse + settings.noise * torch.randn(worse.shape, generator=generator)).clamp(0, 1)
    if images.dtype is torch.uint8:
        return (255 * worse).round().to(torch.uint8).to(images.device)
    return worse.to(images)


def draw_scratches(height: int, width: int, settings: DeteriorationSettings, generator: torch.Generator | None = None) -> Tensor:
    """Change of log intensity by scratches, (height, width): long, slightly bent lines that fade in and out."""
    number = int(torch.poisson(torch.tensor(float(settings.scratches)), generator=generator))
    total = torch.zeros(height, width)
    rows, columns = torch.arange(height)[:, None] - height / 2, torch.arange(width)[None] - width / 2
    draw = torch.rand(number, 7, generator=generator)
    for turn, offset, bend, sign, depth, start, length in draw.tolist():
        angle, reach = math.pi * turn, max(height, width)
        along = columns * math.cos(angle) + rows * math.sin(angle)
        aside = rows * math.cos(angle) - columns * math.sin(angle) - (offset - 0.5) * 0.9 * reach
        aside = aside - (bend - 0.5) * 0.4 * along.square() / reach
        place = along - (start - 0.5) * reach
        visible = torch.exp(-0.5 * (place / ((0.15 + 0.5 * length) * reach)).square())
        line = torch.exp(-0.5 * (aside / settings.scratch_width).square()) * visible
        total = total + (1 if sign < 0.4 else -1) * settings.scratch_depth * (0.3 + 0.7 * depth) * line
    return total


def _dust(height: int, width: int, settings: DeteriorationSettings, generator: torch.Generator | None) -> Tensor:
    """Change of log intensity by grains, (height, width): blots of uneven shape, sharper the smaller."""
    number = int(torch.poisson(torch.tensor(settings.dust * height * width / 1e6), generator=generator))
    total = torch.zeros(height, width)
    draw = torch.rand(number, 6, generator=generator)
    low, high = settings.dust_size
    for x, y, size, depth, stretch, turn in draw.tolist():
        radius = low + (high - low) * size**2
        half = math.ceil(3 * radius)
        top, left = max(0, int(y * height) - half), max(0, int(x * width) - half)
        rows = torch.arange(top, min(height, int(y * height) + half + 1))[:, None] - y * height
        columns = torch.arange(left, min(width, int(x * width) + half + 1))[None] - x * width
        u = columns * math.cos(math.pi * turn) + rows * math.sin(math.pi * turn)
        v = rows * math.cos(math.pi * turn) - columns * math.sin(math.pi * turn)
        distance = ((u / (0.6 + stretch)).square() + v.square()).sqrt()
        blot = torch.sigmoid((radius - distance) / (0.12 * radius + 0.3))
        absorbed = math.log(1 - settings.dust_depth * (0.2 + 0.8 * depth)) * blot
        total[top : top + absorbed.shape[0], left : left + absorbed.shape[1]] += absorbed
    return total
