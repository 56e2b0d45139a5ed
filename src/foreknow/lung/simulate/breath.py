"""Breath sound: coloured noise under the envelope of breathing, inspiration and expiration unlike each other."""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.lung.simulate.spectrum import Spectrum, coloured_noise

INSPIRATION_SPECTRUM: Spectrum = (
    (25, -21), (50, -12), (80, -6.5), (100, -2.5), (125, 0), (160, -0.8), (200, -3), (250, -5.5), (315, -9), (400, -13), (500, -23),
    (630, -38), (800, -53), (1000, -61), (2000, -66),
)  # fmt: skip
"""Median over 110 normal breaths of 32 SPRSound recordings (children, chest, Yunting stethoscope), measured with a Hann window of
128 ms at 4 kHz, dB relative to the peak: +9 dB/octave below 100 Hz, -11 dB/octave from 200 to 400 Hz, then the stethoscope's
low-pass, down to the recorder's noise."""

EXPIRATION_SPECTRUM: Spectrum = tuple(
    (hertz, level + shift)
    for (hertz, level), shift in zip(INSPIRATION_SPECTRUM, (6, 6, 5.5, 5, 3.7, 1.3, 0, 0, -1, -1, -1, 0, 2, 3, 3), strict=True)
)
"""As above with the median difference between the last and the first third of those breaths (expiration is duller)."""

_PHASE_SHAPE = 0.8


@dataclass(frozen=True, slots=True)
class BreathSettings:
    """How a breath sound is drawn.

    "SPRSound" and "KAUH" say that the default was measured on normal recordings of that corpus; "choice" that we chose it.

    Attributes:
        cycle: median duration of a breath, seconds (SPRSound, children: the envelope repeats after 1.5 to 4.9 s, median 2.2 s).
        cycle_spread: standard deviation of log duration from cycle to cycle (choice).
        inspiration: share of the cycle, 0..1 (SPRSound: the loud part ends after about half of an annotated breath).
        expiration: share of the cycle; what is left is a pause (choice).
        expiration_level_db: RMS of expiration relative to inspiration, dB (SPRSound: -7).
        level_spread_db: standard deviation of the level from cycle to cycle, dB (SPRSound: 2.8).
        background_db: RMS of steady noise relative to inspiration, dB; it sounds in pauses too (SPRSound, KAUH: the 10th
            percentile of the level in 0.1 s frames is 14 to 16 dB below the 90th).
        level_dbfs: RMS of inspiration relative to full scale, dB (SPRSound: whole recordings have -36 to -56, median -50).
        inspiration_spectrum: points (hertz, dB) of the power spectral density.
        expiration_spectrum: the same for expiration.

    Raises:
        ParameterError: if a duration, share or spread is out of range.
    """

    cycle: float = 2.2
    cycle_spread: float = 0.12
    inspiration: float = 0.45
    expiration: float = 0.45
    expiration_level_db: float = -7.0
    level_spread_db: float = 2.8
    background_db: float = -14.0
    level_dbfs: float = -45.0
    inspiration_spectrum: Spectrum = INSPIRATION_SPECTRUM
    expiration_spectrum: Spectrum = EXPIRATION_SPECTRUM

    def __post_init__(self) -> None:
        shares_fit = self.inspiration > 0 and self.expiration > 0 and self.inspiration + self.expiration <= 1
        if not (self.cycle > 0 and shares_fit and self.cycle_spread >= 0 and self.level_spread_db >= 0):
            message = (
                "breathing needs a positive cycle, positive shares of inspiration and expiration with a sum of at most 1, and "
                f"spreads of 0 or more, not {self}"
            )
            raise ParameterError(message)


@dataclass(frozen=True, slots=True)
class RespiratoryPhase:
    """A stretch of breathing.

    Attributes:
        kind: ``inspiration`` or ``expiration``.
        start: seconds from the start of the recording.
        end: seconds.
    """

    kind: str
    start: float
    end: float


def simulate_breath(
    settings: BreathSettings, seconds: float, rate: int, generator: torch.Generator | None = None
) -> tuple[Tensor, list[RespiratoryPhase]]:
    """Draw a breath sound.

    Args:
        settings: how it is drawn.
        seconds: length.
        rate: sampling rate, hertz; at least twice the highest frequency of interest.
        generator: source of all random numbers (CPU).

    Returns:
        The sound, (round(seconds * rate),) float64, full scale 1; and the phases of breathing in order (the last may be cut off).

    Raises:
        ParameterError: if there would be no samples.
    """
    count = round(seconds * rate)
    if count < 1 or rate < 1:
        message = f"a recording of {seconds} s at {rate} Hz has no samples; ask for a longer one"
        raise ParameterError(message)
    cycles = int(seconds / settings.cycle * (1 + 4 * settings.cycle_spread)) + 8
    normal = torch.randn(2, cycles, generator=generator, dtype=torch.float64)
    durations = settings.cycle * torch.exp(settings.cycle_spread * normal[0])
    while float(durations.sum()) < seconds + float(durations[0]):  # an extreme draw; does not happen at usual spreads
        durations = torch.cat((durations, durations))
        normal = torch.cat((normal, normal), dim=1)
    starts = durations.cumsum(0) - durations - torch.rand(1, generator=generator, dtype=torch.float64) * durations[0]
    gains = 10 ** (settings.level_spread_db * normal[1] / 20)
    time = torch.arange(count, dtype=torch.float64) / rate
    cycle = torch.searchsorted(starts, time, right=True) - 1
    within = (time - starts[cycle]) / durations[cycle]
    level = 10 ** (settings.level_dbfs / 20)
    share = settings.inspiration
    inspiration = phase_shape(within / share) * gains[cycle]
    expiration = phase_shape((within - share) / settings.expiration) * gains[cycle] * 10 ** (settings.expiration_level_db / 20)
    sound = inspiration * coloured_noise(count, rate, settings.inspiration_spectrum, generator)
    sound += expiration * coloured_noise(count, rate, settings.expiration_spectrum, generator)
    sound += 10 ** (settings.background_db / 20) * coloured_noise(count, rate, settings.inspiration_spectrum, generator)
    return level * sound, _phases(starts, durations, settings, seconds)


def phase_shape(place: Tensor) -> Tensor:
    """Envelope of a phase over its course 0..1, 0 outside, RMS 1 over the course: quick rise, slower fall."""
    inside = (place > 0) & (place < 1)
    hump = torch.sin(torch.pi * torch.where(inside, place, 0.0) ** _PHASE_SHAPE)
    return torch.where(inside, hump / _phase_rms(), 0.0)


@cache
def _phase_rms() -> Tensor:
    """RMS of the envelope before it is made 1."""
    grid = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    return torch.sin(torch.pi * grid**_PHASE_SHAPE).square().mean().sqrt()


def _phases(starts: Tensor, durations: Tensor, settings: BreathSettings, seconds: float) -> list[RespiratoryPhase]:
    phases = []
    for start, duration in zip(starts.tolist(), durations.tolist(), strict=True):
        turn = start + settings.inspiration * duration
        end = turn + settings.expiration * duration
        for kind, first, last in (("inspiration", start, turn), ("expiration", turn, end)):
            if last > 0 and first < seconds:
                phases.append(RespiratoryPhase(kind, max(0.0, first), min(seconds, last)))
    return phases
