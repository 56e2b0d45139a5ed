"""From attenuation to frames: scatter, focal spot, quanta, scintillator, electronics; then what the system shows."""

from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.simulate.blur import gaussian_blur
from foreknow.simulate.fields import uniform

_NOMINAL = 0.28  # mm per pixel, for which quanta are told
RANGE = 5.0
"""Attenuation from the brightest to the darkest value of logarithmic frames."""


class Relationship(StrEnum):
    """How pixel values follow from exposure (DICOM Pixel Intensity Relationship, 0028,1040)."""

    LINEAR = "LIN"
    LOGARITHMIC = "LOG"
    DISPLAY = "DISP"


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """Formation of a frame.

    Attributes:
        scatter: scattered over primary radiation behind the grid (0.3 to 1).
        scatter_width: standard deviation of the scattered beam, mm at the isocentre (choice: several centimetres).
        blur: standard deviation of focal spot, motion and scintillator, mm at the isocentre (focal spot and scintillator alone 0.1
            to 0.2; `fit_spectrum` finds 1.5 to 2.3 pixels in XCAD frames).
        quanta: detected per pixel where the picture has its median, at 0.28 mm per pixel; other pixels have more by their area
            (by the noise of XCAD frames at their median, 1.3 to 1.8 of 255 behind processing and JPEG; `fit_noise`).
        grain: standard deviation of the blur that the noise shares, mm (scintillator, processing; `fit_spectrum` finds 0.5 to 0.65
            pixels in XCAD frames).
        electronic: standard deviation of electronic noise, quanta.
        gain_pattern: standard deviation of what the flat-field correction leaves (choice).

    Raises:
        ParameterError: if a number is negative or there are no quanta.
    """

    scatter: tuple[float, float] = (0.3, 0.8)
    scatter_width: float = 25.0
    blur: float = 0.33
    quanta: tuple[float, float] = (150.0, 800.0)
    grain: float = 0.16
    electronic: float = 4.0
    gain_pattern: float = 0.001

    def __post_init__(self) -> None:
        numbers = (*self.scatter, self.scatter_width, self.blur, self.grain, self.electronic, self.gain_pattern)
        if min(numbers) < 0 or self.quanta[0] <= 0:
            message = f"a detector needs numbers of 0 or more and some quanta, not {self}"
            raise ParameterError(message)


@dataclass(frozen=True, slots=True)
class DisplaySettings:
    """From exposure to stored values.

    Attributes:
        relationship: linear in exposure, logarithmic, or processed for display.
        bits: stored per pixel, 8 to 16.
        gamma: for display: stored values go as exposure to this power (0.5 to 1; chosen with the sharpening so that spectrum and
            contrast are those of XCAD frames).
        sharpening: for display: strength of edge enhancement of the logarithm, and
        sharpening_width: its standard deviation, mm.
        level: stored value of the brightest hundredth of the first frame over the largest value (XCAD: 0.6 to 0.87).

    Raises:
        ParameterError: if a number is out of range.
    """

    relationship: Relationship = Relationship.LINEAR
    bits: int = 12
    gamma: float = 1.0
    sharpening: float = 0.45
    sharpening_width: float = 2.0
    level: tuple[float, float] = (0.65, 0.95)

    def __post_init__(self) -> None:
        if not (
            8 <= self.bits <= 16
            and 0 < self.gamma <= 4
            and self.sharpening >= 0
            and self.sharpening_width > 0
            and 0 < self.level[0] <= self.level[1]
        ):
            message = f"display needs 8 to 16 bits, a gamma and level above 0 and sharpening of 0 or more, not {self}"
            raise ParameterError(message)

    @property
    def power(self) -> float:
        """Exponent between exposure and the values shown."""
        return self.gamma if self.relationship is Relationship.DISPLAY else 1.0

    def process(self, attenuation: Tensor, pixel: float) -> Tensor:
        """Attenuation (..., height, width) as the stored frames have it: linear, so that layers stay layers."""
        if self.relationship is not Relationship.DISPLAY or not self.sharpening:
            return self.power * attenuation
        smooth = gaussian_blur(attenuation, self.sharpening_width / pixel)
        return self.power * (attenuation + self.sharpening * (attenuation - smooth))

    def read(self, frames: Tensor) -> Tensor:
        """Attenuation out of stored frames, float32, up to a constant; a value of 0 counts as half a step."""
        top = 2**self.bits - 1
        if self.relationship is Relationship.LOGARITHMIC:
            return RANGE * (1 - frames.float() / top)
        return -torch.log(frames.float().clamp_min(0.5) / top)


def exposure(attenuation: Tensor, settings: DetectorSettings, scatter: float, pixel: float) -> Tensor:
    """Expected signal of ``attenuation`` (frames, height, width): primary and scattered radiation, blurred; 1 in air."""
    primary = torch.exp(-attenuation)
    scattered = gaussian_blur(primary, settings.scatter_width / pixel)
    return gaussian_blur((primary + scatter * scattered) / (1 + scatter), settings.blur / pixel)


def drawn_quanta(expected: Tensor, settings: DetectorSettings, pixel: float, generator: torch.Generator | None = None) -> float:
    """Quanta per pixel at signal 1, as `detect` takes them; the settings tell those where the picture has its median.

    Args:
        expected: signal (frames, height, width), 1 in air; the first frame is the picture.
        settings: of the detector.
        pixel: mm.
        generator: source of all random numbers (CPU).
    """
    return uniform(settings.quanta, generator) * (pixel / _NOMINAL) ** 2 / float(expected[0].median())


def detect(
    expected: Tensor, settings: DetectorSettings, quanta: float, pixel: float, generator: torch.Generator | None = None
) -> Tensor:
    """What is measured of an expected signal in the same units, (frames, height, width), above 0.

    Args:
        expected: signal, 1 in air.
        settings: of the detector.
        quanta: per pixel at signal 1.
        pixel: mm.
        generator: source of all random numbers (CPU).
    """
    counts = torch.poisson(expected * quanta, generator=generator)
    counts = counts + settings.electronic * torch.randn(counts.shape, generator=generator, dtype=counts.dtype)
    noise = gaussian_blur(counts - expected * quanta, settings.grain / pixel)
    pattern = 1 + settings.gain_pattern * torch.randn(counts.shape[1:], generator=generator, dtype=counts.dtype)
    return (expected * pattern + noise / quanta).clamp_min(0.25 / quanta)


def store(attenuation: Tensor, settings: DisplaySettings, brightest: float) -> Tensor:
    """Pixel values (int32) of processed attenuation; ``brightest`` is the attenuation that is stored as the largest value.

    Logarithmic frames store the attenuation itself, rising as exposure falls, over `RANGE`.
    """
    top = 2**settings.bits - 1
    if settings.relationship is Relationship.LOGARITHMIC:
        value = top * (1 - (attenuation - brightest) / RANGE)
    else:
        value = top * torch.exp(brightest - attenuation)
    return value.round().clamp(0, top).to(torch.int32)
