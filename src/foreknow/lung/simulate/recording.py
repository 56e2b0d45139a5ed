"""A whole recording drawn with its truth: breath sound, crackles and wheezes where they belong in a breath, nuisance, their sum."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.lung.events import Crackle
from foreknow.lung.simulate.breath import BreathSettings, RespiratoryPhase, simulate_breath
from foreknow.lung.simulate.continuous import ContinuousSettings, ContinuousSound, draw_continuous
from foreknow.lung.simulate.form import COARSE, FINE, CrackleType
from foreknow.lung.simulate.heart import HeartSettings, simulate_heart
from foreknow.lung.simulate.levels import LevelReference
from foreknow.lung.simulate.nuisance import Nuisance, NuisanceSettings, draw_nuisance
from foreknow.lung.simulate.plant import plant_crackles
from foreknow.lung.simulate.spectrum import Spectrum, shape_spectrum


@dataclass(frozen=True, slots=True)
class CrackleSettings:
    """How many crackles of a type there are in a recording and how loud.

    Attributes:
        kind: the type.
        per_breath: expected number in an inspiration; the number is drawn from a Poisson distribution (choice).
        level_db: range of levels over the local RMS of the breath sound, dB, drawn evenly (see `LevelReference`); the defaults
            are well audible; -5 to 20 is the range worth testing.
        gap: least time between two onsets of this type, seconds; crackles that fall nearer are moved later, not dropped (choice:
            15 ms, so that two of them can be told apart).

    Raises:
        ParameterError: if the number or gap is negative, or the range of levels is not in order.
    """

    kind: CrackleType
    per_breath: float = 4.0
    level_db: tuple[float, float] = (8.0, 18.0)
    gap: float = 0.015

    def __post_init__(self) -> None:
        if not (self.per_breath >= 0 and self.gap >= 0 and self.level_db[0] <= self.level_db[1]):
            message = f"crackles need a number and gap of 0 or more and levels in order, not {self}"
            raise ParameterError(message)


@dataclass(frozen=True, slots=True)
class SimulationSettings:
    """What is drawn by `simulate_recording`.

    Attributes:
        seconds: length.
        rate: sampling rate, hertz; 4000 or more.
        breath: the breath sound.
        crackles: one entry per type; empty for a normal recording.
        heart: heart sounds, or None for none; they are part of the breath signal.
        reference: what the levels of crackles and continuous sounds refer to.
        continuous: one entry per kind of continuous sound (`WHEEZE`, `RHONCHUS`, `STRIDOR`); empty for none.
        nuisance: rubbing, voices, clicks and hum, or None for none.
        stethoscope: gain (hertz, dB) that crackles, continuous sounds and nuisance pass on their way, or None for one that
            changes nothing; the breath sound has it in its spectrum. It has no delay. Widths and levels of the true events are
            those before it.

    Raises:
        ParameterError: if the rate is too low for crackles.
    """

    seconds: float = 15.0
    rate: int = 4000
    breath: BreathSettings = field(default_factory=BreathSettings)
    crackles: tuple[CrackleSettings, ...] = (CrackleSettings(FINE), CrackleSettings(COARSE, per_breath=2.0))
    heart: HeartSettings | None = None
    reference: LevelReference = field(default_factory=LevelReference)
    continuous: tuple[ContinuousSettings, ...] = ()
    nuisance: NuisanceSettings | None = None
    stethoscope: Spectrum | None = None

    def __post_init__(self) -> None:
        if self.rate < 4000:
            message = f"lung sounds are drawn at 4000 Hz or more (a fine crackle's first deflection lasts 0.7 ms), not {self.rate}"
            raise ParameterError(message)


@dataclass(frozen=True, slots=True)
class SimulatedRecording:
    """A drawn recording and the truth about it.

    Attributes:
        recording: (samples,) float64, full scale 1; exactly ``breath + crackles + wheezes + nuisance``, added in this order.
        breath: (samples,) breath sound with background noise and heart sounds.
        crackles: (samples,) all crackles.
        events: the crackles in order of time.
        phases: inspirations and expirations in order of time.
        rate: sampling rate, hertz.
        wheezes: (samples,) all continuous sounds.
        nuisance: (samples,) all nuisance.
        sounds: the continuous sounds in order of onset, voice by voice.
        disturbances: rubs, utterances and clicks in order of onset.
    """

    recording: Tensor
    breath: Tensor
    crackles: Tensor
    events: tuple[Crackle, ...]
    phases: tuple[RespiratoryPhase, ...]
    rate: int
    wheezes: Tensor
    nuisance: Tensor
    sounds: tuple[ContinuousSound, ...] = ()
    disturbances: tuple[Nuisance, ...] = ()


def simulate_recording(settings: SimulationSettings | None = None, generator: torch.Generator | None = None) -> SimulatedRecording:
    """Draw a recording; the same settings and seed give the same recording.

    Args:
        settings: what is drawn.
        generator: source of all random numbers (CPU): ``torch.Generator().manual_seed(seed)``.

    Raises:
        ParameterError: if the recording would have no samples.
    """
    settings = settings or SimulationSettings()
    breath, phases = simulate_breath(settings.breath, settings.seconds, settings.rate, generator)
    count = breath.shape[0]
    if settings.heart is not None:
        inspiration = 10 ** (settings.breath.level_dbfs / 20)
        breath = breath + simulate_heart(settings.heart, inspiration, count, settings.rate, generator)
    crackles = torch.zeros_like(breath)
    events: list[Crackle] = []
    for group in settings.crackles:
        onsets = _draw_onsets(group, phases, count / settings.rate, generator)
        low, high = group.level_db
        levels = low + (high - low) * torch.rand(onsets.shape, generator=generator, dtype=torch.float64)
        part, found = plant_crackles(breath, settings.rate, onsets, group.kind, levels, generator, settings.reference)
        crackles = crackles + part
        events.extend(found)
    ordered = tuple(sorted(events, key=lambda event: event.onset))
    wheezes = torch.zeros_like(breath)
    sounds: list[ContinuousSound] = []
    for kind in settings.continuous:
        part, voices = draw_continuous(kind, phases, breath, settings.rate, generator, settings.reference)
        wheezes = wheezes + part
        sounds.extend(voices)
    nuisance = torch.zeros_like(breath)
    disturbances: list[Nuisance] = []
    if settings.nuisance is not None:
        level = 10 ** (settings.breath.level_dbfs / 20)
        nuisance, disturbances = draw_nuisance(settings.nuisance, level, count, settings.rate, generator)
    if settings.stethoscope is not None:
        crackles, wheezes, nuisance = (
            shape_spectrum(part, settings.rate, settings.stethoscope) for part in (crackles, wheezes, nuisance)
        )
    return SimulatedRecording(
        recording=breath + crackles + wheezes + nuisance,
        breath=breath,
        crackles=crackles,
        events=ordered,
        phases=tuple(phases),
        rate=settings.rate,
        wheezes=wheezes,
        nuisance=nuisance,
        sounds=tuple(sorted(sounds, key=lambda sound: sound.onset)),
        disturbances=tuple(disturbances),
    )


def _draw_onsets(
    group: CrackleSettings, phases: list[RespiratoryPhase], seconds: float, generator: torch.Generator | None
) -> Tensor:
    """Sorted onsets in seconds, (crackles,) float64, at least ``gap`` apart."""
    inspirations = [(phase.start, phase.end) for phase in phases if phase.kind == "inspiration"]
    spans = torch.tensor(inspirations, dtype=torch.float64).reshape(-1, 2)
    rates = torch.full((len(inspirations),), group.per_breath, dtype=torch.float64)
    numbers = torch.poisson(rates, generator=generator).long()
    starts, ends = spans.repeat_interleave(numbers, dim=0).unbind(1)
    onsets = starts + group.kind.draw_positions(starts.numel(), generator) * (ends - starts)
    wait = group.gap * torch.arange(onsets.numel(), dtype=torch.float64)
    onsets = onsets.sort().values - wait
    onsets = onsets.cummax(0).values + wait if onsets.numel() else onsets
    return onsets[onsets < seconds - 2 * group.kind.two_cycle_duration]
