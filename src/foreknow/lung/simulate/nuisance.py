"""What is in recordings besides the lung: rubbing of the stethoscope, voices, clicks that are like crackles, mains hum."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.lung.simulate.spectrum import coloured_noise
from foreknow.lung.simulate.train import add_pulses
from foreknow.simulate.fields import smooth_series, uniform

_RUBBING = ((20.0, 0.0), (60.0, -3.0), (200.0, -12.0), (800.0, -30.0), (2000.0, -50.0))
_HUM_HARMONICS = 4


@dataclass(frozen=True, slots=True)
class NuisanceSettings:
    """How nuisance is drawn; rates are a minute, levels dB over the RMS of inspiration. All figures are choices.

    Handling is 10 to 30 times the breath sound in SPRSound (methods/lung.md, fact 5).

    Attributes:
        handling: rubbing and bumping of the stethoscope a minute.
        voice: utterances of a child or an adult near by a minute.
        clicks: single clicks a minute, which friction makes and which are no crackles.
        hum: frequency of the mains, hertz; 0 for none.
        handling_db: RMS of a rub.
        voice_db: RMS of an utterance.
        clicks_db: peak of a click.
        hum_db: RMS of the hum.

    Raises:
        ParameterError: if a rate is negative or a range is not in order.
    """

    handling: float = 2.0
    voice: float = 1.0
    clicks: float = 6.0
    hum: float = 0.0
    handling_db: tuple[float, float] = (6.0, 22.0)
    voice_db: tuple[float, float] = (3.0, 15.0)
    clicks_db: tuple[float, float] = (12.0, 28.0)
    hum_db: float = -12.0

    def __post_init__(self) -> None:
        ordered = all(low <= high for low, high in (self.handling_db, self.voice_db, self.clicks_db))
        if not (ordered and min(self.handling, self.voice, self.clicks, self.hum) >= 0):
            message = f"nuisance needs rates of 0 or more and levels in order, not {self}"
            raise ParameterError(message)


@dataclass(frozen=True, slots=True)
class Nuisance:
    """One disturbance.

    Attributes:
        kind: ``handling``, ``voice`` or ``click``.
        onset: seconds.
        end: seconds.
        level_db: as drawn.
    """

    kind: str
    onset: float
    end: float
    level_db: float


def draw_nuisance(
    settings: NuisanceSettings, level: float, count: int, rate: int, generator: torch.Generator | None = None
) -> tuple[Tensor, list[Nuisance]]:
    """Draw nuisance.

    Args:
        settings: how it is drawn.
        level: RMS of inspiration, to which levels refer.
        count: samples.
        rate: hertz.
        generator: source of all random numbers (CPU).

    Returns:
        All nuisance together, (count,) float64, and the disturbances in order of onset; hum has no onset and is not among them.
    """
    part = torch.zeros(count, dtype=torch.float64)
    found: list[Nuisance] = []
    seconds = count / rate
    kinds: tuple[tuple[str, float, tuple[float, float], tuple[float, float], _Form], ...] = (
        ("handling", settings.handling, settings.handling_db, (0.15, 1.2), _rub),
        ("voice", settings.voice, settings.voice_db, (0.3, 1.2), _utterance),
    )
    for kind, per_minute, levels, lengths, form in kinds:
        for _ in range(_number(per_minute, seconds, generator)):
            length = min(uniform(lengths, generator), 0.9 * seconds)
            start = round(uniform((0, seconds - length), generator) * rate)
            decibel = uniform(levels, generator)
            wave = form(round(length * rate), rate, generator)
            wave = wave * (level * 10 ** (decibel / 20) / wave.square().mean().sqrt().clamp(min=1e-12))
            part[start : start + len(wave)] += wave[: count - start]
            found.append(Nuisance(kind, start / rate, min(count, start + len(wave)) / rate, decibel))
    clicks, events = _clicks(settings, level, count, rate, generator)
    part += clicks
    found += events
    if settings.hum:
        part += _hum(settings, level, count, rate, generator)
    return part, sorted(found, key=lambda event: event.onset)


_Form = Callable[[int, int, torch.Generator | None], Tensor]


def _number(per_minute: float, seconds: float, generator: torch.Generator | None) -> int:
    return int(torch.poisson(torch.tensor(per_minute * seconds / 60, dtype=torch.float64), generator=generator))


def _rub(count: int, rate: int, generator: torch.Generator | None) -> Tensor:
    """Friction: low noise whose loudness is very uneven, stick and slip."""
    noise = coloured_noise(count, rate, _RUBBING, generator)
    uneven = torch.exp(0.9 * smooth_series(count, 0.006 * rate, generator) + 0.8 * smooth_series(count, 0.06 * rate, generator))
    return noise * uneven * _ends(count, 0.1)


def _utterance(count: int, rate: int, generator: torch.Generator | None) -> Tensor:
    """Voiced syllables: a harmonic series under two formants, its pitch gliding."""
    time = torch.arange(count, dtype=torch.float64) / rate
    pitch = uniform((130.0, 420.0), generator)
    course = pitch * (1 + 0.12 * smooth_series(count, 0.15 * rate, generator)).clamp(0.5, 1.6)
    turns = course.cumsum(0) / rate
    formants = (uniform((300.0, 900.0), generator), uniform((900.0, 2200.0), generator))
    orders = torch.arange(1, max(2, int(min(0.45 * rate, 3000.0) / (1.6 * pitch))), dtype=torch.float64)
    gain = sum((1 / (1 + ((orders * pitch - formant) / 140.0).square()) for formant in formants), 0.05 / orders)
    angles = torch.rand(len(orders), generator=generator, dtype=torch.float64)
    wave = torch.zeros_like(time)
    for order, weight, angle in zip(orders.tolist(), torch.as_tensor(gain).tolist(), angles.tolist(), strict=True):
        wave += weight / order**0.5 * torch.cos(2 * torch.pi * (order * turns + angle))
    syllables = 0.5 + 0.5 * torch.sin(2 * torch.pi * (uniform((2.5, 5.0), generator) * time + uniform((0, 1), generator)))
    return wave * (0.1 + syllables) * _ends(count, 0.15)


def _ends(count: int, share: float) -> Tensor:
    place = (torch.arange(count, dtype=torch.float64) + 0.5) / max(1, count)
    return 0.5 - 0.5 * torch.cos(torch.pi * (torch.minimum(place, 1 - place) / share).clamp(0, 1))


def _clicks(
    settings: NuisanceSettings, level: float, count: int, rate: int, generator: torch.Generator | None
) -> tuple[Tensor, list[Nuisance]]:
    """Damped oscillations that start at once: unlike a crackle their period does not grow and their first deflection is largest."""
    number = _number(settings.clicks, count / rate, generator)
    chance = torch.rand(5, number, generator=generator, dtype=torch.float64)
    onsets = (chance[0] * count / rate).sort().values
    hertz = 120.0 * (min(1500.0, 0.4 * rate) / 120.0) ** chance[1]
    decay = 0.0006 * 8.0 ** chance[2]
    levels = settings.clicks_db[0] + (settings.clicks_db[1] - settings.clicks_db[0]) * chance[3]
    peaks = level * 10 ** (levels / 20) * torch.where(chance[4] < 0.5, -1.0, 1.0)

    def form(time: Tensor) -> Tensor:
        since = time.clamp(min=0)
        return peaks[:, None] * torch.exp(-since / decay[:, None]) * torch.cos(2 * torch.pi * hertz[:, None] * since)

    longest = 7 * float(decay.max()) if number else 0.0
    ends = (onsets + 4 * decay).tolist()
    events = [Nuisance("click", *row) for row in zip(onsets.tolist(), ends, levels.tolist(), strict=True)]
    return add_pulses(form, onsets, longest, count, rate), events


def _hum(settings: NuisanceSettings, level: float, count: int, rate: int, generator: torch.Generator | None) -> Tensor:
    time = torch.arange(count, dtype=torch.float64) / rate
    wave = torch.zeros_like(time)
    for order in range(1, _HUM_HARMONICS + 1):
        angle = uniform((0, 1), generator)
        if order * settings.hum < 0.5 * rate:
            wave += torch.cos(2 * torch.pi * (order * settings.hum * time + angle)) / order**1.5
    return wave * (level * 10 ** (settings.hum_db / 20) / wave.square().mean().sqrt().clamp(min=1e-12))
