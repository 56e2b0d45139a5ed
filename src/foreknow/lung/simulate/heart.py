"""Heart sounds: two short low beats per heart beat, for recordings taken near the heart."""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.lung.simulate.train import add_pulses


@dataclass(frozen=True, slots=True)
class HeartSettings:
    """How heart sounds are drawn; all figures are our choice, the level's range is from real recordings.

    Attributes:
        beats_per_minute: heart rate.
        variation: standard deviation of log beat duration.
        level_db: peak of the first sound relative to the RMS of inspiration, dB. (Sound below 100 Hz is 5 to 17 dB softer than
            that of 100 to 800 Hz in SPRSound, whose stethoscope removes it, and 19 to 24 dB louder in KAUH.)
        second_level_db: second sound relative to the first, dB.
        frequencies: of the first and the second sound, hertz.
        decay: time at which the beats are largest, seconds; they fade with it.

    Raises:
        ParameterError: if the rate, a frequency or the decay is not positive.
    """

    beats_per_minute: float = 95.0
    variation: float = 0.03
    level_db: float = 6.0
    second_level_db: float = -3.0
    frequencies: tuple[float, float] = (45.0, 60.0)
    decay: float = 0.012

    def __post_init__(self) -> None:
        if min(self.beats_per_minute, self.decay, *self.frequencies) <= 0 or self.variation < 0:
            message = f"heart sounds need a positive rate, decay and frequencies and a variation of 0 or more, not {self}"
            raise ParameterError(message)


def simulate_heart(
    settings: HeartSettings, reference: float, count: int, rate: int, generator: torch.Generator | None = None
) -> Tensor:
    """Draw heart sounds.

    Args:
        settings: how they are drawn.
        reference: the RMS of inspiration, to which the level refers.
        count: samples.
        rate: hertz.
        generator: source of all random numbers (CPU).

    Returns:
        (count,) float64.
    """
    beat = 60 / settings.beats_per_minute
    beats = int(count / rate / beat * (1 + 4 * settings.variation)) + 8
    normal = torch.randn(beats, generator=generator, dtype=torch.float64)
    durations = beat * torch.exp(settings.variation * normal)
    first = durations.cumsum(0) - torch.rand(1, generator=generator, dtype=torch.float64) * 2 * beat
    onsets = torch.cat((first, first + 0.35 * durations))
    peak = reference * 10 ** (settings.level_db / 20)
    amplitudes = torch.cat((torch.full_like(first, peak), torch.full_like(first, peak * 10 ** (settings.second_level_db / 20))))
    hertz = torch.cat((torch.full_like(first, settings.frequencies[0]), torch.full_like(first, settings.frequencies[1])))

    def form(time: Tensor) -> Tensor:
        place = (time / settings.decay).clamp(min=0)
        return amplitudes[:, None] * place * torch.exp(1 - place) * torch.sin(2 * torch.pi * hertz[:, None] * time)

    return add_pulses(form, onsets, 12 * settings.decay, count, rate)
