"""Continuous adventitious sounds: wheezes, rhonchi and stridor as sums of harmonics whose frequency drifts and trembles."""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.lung.simulate.breath import RespiratoryPhase
from foreknow.lung.simulate.levels import LevelReference, local_level
from foreknow.simulate.fields import smooth_series, uniform

_TRACK_STEP = 0.01  # seconds between the points of a true fundamental
_SHORTEST = 0.08  # seconds; below, a tone is not heard as continuous
_TREMBLE = 0.012  # seconds over which jitter is smooth
_BEND = 0.15  # seconds over which a bend is
_SWELL = 0.12  # seconds over which loudness is


@dataclass(frozen=True, slots=True)
class ContinuousSettings:
    """One kind of continuous sound and how its members vary (methods/simulation-assimilation.md, B3; methods/lung.md, 5).

    Attributes:
        kind: its name: ``wheeze``, ``rhonchus``, ``stridor``.
        per_breath: expected number in the phase of a breath (polyphonic voices are one); they follow each other.
        phase: ``expiration`` or ``inspiration``.
        hertz: range of the fundamental, drawn evenly in its logarithm.
        seconds: range of durations, cut to the phase (CORSA: above 80 to 100 ms, ATS: above 250 ms).
        harmonics: range of their number, the fundamental included.
        decay: range of the fall from harmonic to harmonic, nepers of amplitude.
        drift: range of the change of frequency, share a second.
        bend: standard deviation of the slow wandering of the frequency about that, share of it (SPRSound: lines arch by 5 to 20 %).
        jitter: standard deviation of the quick trembling of the frequency, share of it (0.005 to 0.02).
        polyphonic: probability that 2 to 4 voices of unrelated frequency sound together.
        level_db: range of the RMS of a sound over that of the breath sound about it, dB (see `LevelReference`).

    Raises:
        ParameterError: if a number is out of range.
    """

    kind: str = "wheeze"
    per_breath: float = 0.7
    phase: str = "expiration"
    hertz: tuple[float, float] = (250.0, 800.0)
    seconds: tuple[float, float] = (0.15, 1.0)
    harmonics: tuple[int, int] = (1, 3)
    decay: tuple[float, float] = (0.8, 2.0)
    drift: tuple[float, float] = (-0.5, 0.5)
    bend: float = 0.05
    jitter: float = 0.008
    polyphonic: float = 0.15
    level_db: tuple[float, float] = (2.0, 12.0)

    def __post_init__(self) -> None:
        ordered = all(
            low <= high for low, high in (self.hertz, self.seconds, self.harmonics, self.decay, self.drift, self.level_db)
        )
        bounded = self.hertz[0] >= 20 and self.seconds[0] >= _SHORTEST and self.harmonics[0] >= 1 and abs(self.drift[0]) < 1
        shares = (
            self.per_breath >= 0
            and 0 <= self.jitter < 0.2
            and 0 <= self.bend < 0.3
            and 0 <= self.polyphonic <= 1
            and self.decay[0] >= 0
        )
        if not (ordered and bounded and shares and self.phase in {"inspiration", "expiration"}):
            message = (
                f"a continuous sound needs ranges in order, 20 Hz or more, {_SHORTEST} s or more, one harmonic or more, a jitter "
                f"below 0.2, a phase (inspiration, expiration) and a number of 0 or more a breath, not {self}"
            )
            raise ParameterError(message)


WHEEZE = ContinuousSettings()
"""250 to 800 Hz, mostly in expiration."""

RHONCHUS = ContinuousSettings(
    "rhonchus", 0.7, hertz=(100.0, 250.0), harmonics=(2, 4), decay=(0.2, 0.8), jitter=0.015, polyphonic=0.0
)
"""Below 200 to 300 Hz, rich in harmonics: like snoring."""

STRIDOR = ContinuousSettings(
    "stridor", 0.8, "inspiration", (400.0, 1000.0), (0.3, 1.2), (2, 4), (0.3, 1.0), polyphonic=0.0, level_db=(8.0, 18.0)
)
"""Loud and inspiratory, from the upper airway."""


@dataclass(frozen=True, slots=True)
class ContinuousSound:
    """One voice of a continuous sound.

    Attributes:
        kind: ``wheeze``, ``rhonchus`` or ``stridor``.
        onset: seconds.
        end: seconds.
        hertz: its fundamental every 10 ms from the onset on.
        harmonics: how many there are, the fundamental included; those above half the rate are left out.
        level_db: its RMS over that of the breath sound about its middle, dB.
        voices: how many sound together with it, itself included.
    """

    kind: str
    onset: float
    end: float
    hertz: tuple[float, ...]
    harmonics: int
    level_db: float
    voices: int = 1

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.end - self.onset

    @property
    def fundamental(self) -> float:
        """Mean fundamental frequency, hertz."""
        return sum(self.hertz) / len(self.hertz)

    @property
    def times(self) -> tuple[float, ...]:
        """Seconds at which ``hertz`` holds."""
        return tuple(self.onset + place * _TRACK_STEP for place in range(len(self.hertz)))


def draw_continuous(
    settings: ContinuousSettings,
    phases: list[RespiratoryPhase],
    breath: Tensor,
    rate: int,
    generator: torch.Generator | None = None,
    reference: LevelReference | None = None,
) -> tuple[Tensor, list[ContinuousSound]]:
    """Draw continuous sounds over a breath sound.

    A voice is ``sum_k e^(-decay k) cos(2 pi k int f dt + phase_k)`` with f drifting evenly and trembling smoothly, under an
    envelope that swells slowly and has raised-cosine ends.

    Args:
        settings: how they are drawn.
        phases: of breathing.
        breath: (samples,), which sets their levels.
        rate: hertz.
        generator: source of all random numbers (CPU).
        reference: of the levels.

    Returns:
        All sounds together, (samples,) float64, and the voices in order of onset.
    """
    part = torch.zeros(breath.shape[0], dtype=torch.float64)
    sounds: list[ContinuousSound] = []
    for phase in phases:
        if phase.kind != settings.phase or phase.end - phase.start < 1.5 * _SHORTEST:
            continue
        number = int(settings.per_breath + uniform((0, 1), generator))
        room = (phase.end - phase.start) / max(1, number)
        for place in range(number if room >= 1.5 * _SHORTEST else 0):
            length = min(uniform(settings.seconds, generator), 0.95 * room)
            onset = phase.start + place * room + uniform((0, room - length), generator)
            voices = 2 + int(uniform((0, 2.999), generator)) if uniform((0, 1), generator) < settings.polyphonic else 1
            for _ in range(voices):
                start, samples, sound = _voice(settings, onset, length, voices, breath, rate, generator, reference)
                part[start : start + len(samples)] += samples
                sounds.append(sound)
    return part, sorted(sounds, key=lambda sound: sound.onset)


def _voice(
    settings: ContinuousSettings,
    onset: float,
    length: float,
    voices: int,
    breath: Tensor,
    rate: int,
    generator: torch.Generator | None,
    reference: LevelReference | None,
) -> tuple[int, Tensor, ContinuousSound]:
    start = round(onset * rate)
    count = min(round(length * rate), breath.shape[0] - start)
    time = torch.arange(count, dtype=torch.float64) / rate
    logarithm = uniform((float(torch.tensor(settings.hertz[0]).log()), float(torch.tensor(settings.hertz[1]).log())), generator)
    trembling = settings.jitter * smooth_series(count, _TREMBLE * rate, generator)
    trembling += settings.bend * smooth_series(count, _BEND * rate, generator)
    drifted = 1 + uniform(settings.drift, generator) * (time - length / 2)
    course = float(torch.tensor(logarithm, dtype=torch.float64).exp()) * drifted * (1 + trembling)
    course = course.clamp(0.8 * settings.hertz[0], min(1.2 * settings.hertz[1], 0.49 * rate))
    turns = course.cumsum(0) / rate
    wanted = settings.harmonics[0] + int(uniform((0, settings.harmonics[1] - settings.harmonics[0] + 0.999), generator))
    decay = uniform(settings.decay, generator)
    wave = torch.zeros_like(time)
    harmonics = 0
    for order in range(1, wanted + 1):
        angle = uniform((0, 1), generator)
        if order * float(course.max()) < 0.49 * rate:
            wave += float(torch.tensor(-decay * (order - 1)).exp()) * torch.cos(2 * torch.pi * (order * turns + angle))
            harmonics = order
    ends = min(0.05, 0.25 * length)
    edge = 0.5 - 0.5 * torch.cos(torch.pi * (torch.minimum(time, length - time) / ends).clamp(0, 1))
    wave = wave * edge * torch.exp(0.25 * smooth_series(count, _SWELL * rate, generator))
    level = uniform(settings.level_db, generator)
    middle = torch.tensor([onset + length / 2], dtype=torch.float64)
    wanted_rms = local_level(breath, rate, middle, reference) * 10 ** (level / 20)
    wave = wave * (wanted_rms / wave.square().mean().sqrt().clamp(min=1e-12))
    track = course[:: max(1, round(_TRACK_STEP * rate))]
    sound = ContinuousSound(settings.kind, start / rate, (start + count) / rate, tuple(track.tolist()), harmonics, level, voices)
    return start, wave, sound
