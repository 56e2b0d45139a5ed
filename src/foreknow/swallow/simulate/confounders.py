"""What moves the neck and is no swallow: speech, throat clearing, cough, chewing, turns and nods of the head."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import torch

from foreknow.errors import ParameterError
from foreknow.simulate.fields import uniform
from foreknow.swallow.simulate.bumps import Bump, Channel
from foreknow.swallow.simulate.events import Kind, TrueEvent
from foreknow.swallow.simulate.swallows import Range, check_ranges


@dataclass(frozen=True, slots=True)
class ConfounderSettings:
    """How often a confounder occurs and how it moves; sizes are choices unless a source is named (methods/swallow.md, A1).

    Attributes:
        aborted: swallows that stop half way, expected number a minute.
        speech: stretches of speech a minute.
        throat: throat clearings a minute.
        cough: coughs a minute.
        chewing: stretches of chewing a minute.
        turn: turns of the head a minute.
        nod: nods a minute.
        speech_seconds: length of a stretch.
        speech_mm: movement of the larynx with a syllable, up or down (2 to 8 mm, 0.2 to 0.4 s, irregular).
        syllable: seconds of a syllable's movement.
        throat_mm: movement of the larynx in throat clearing.
        cough_mm: how far the neck is thrown forward.
        chewing_seconds: length of a stretch.
        chewing_hertz: strokes a second (1 to 2).
        chewing_mm: opening of the jaw as the skin below shows it; the larynx stays.
        turn_degrees: size of a turn, to either side.
        nod_degrees: size of a nod.

    Raises:
        ParameterError: if a rate is negative or a range not in order.
    """

    aborted: float = 0.0
    speech: float = 0.0
    throat: float = 0.0
    cough: float = 0.0
    chewing: float = 0.0
    turn: float = 0.0
    nod: float = 0.0
    speech_seconds: Range = (1.0, 3.0)
    speech_mm: Range = (2.0, 8.0)
    syllable: Range = (0.2, 0.4)
    throat_mm: Range = (3.0, 8.0)
    cough_mm: Range = (4.0, 12.0)
    chewing_seconds: Range = (2.0, 5.0)
    chewing_hertz: Range = (1.0, 2.0)
    chewing_mm: Range = (2.0, 5.0)
    turn_degrees: Range = (6.0, 18.0)
    nod_degrees: Range = (3.0, 9.0)

    def __post_init__(self) -> None:
        rates = self.rates()
        if not all(0 <= rate < float("inf") for rate in rates.values()):
            message = f"confounders have rates of 0 or more a minute, not {rates}"
            raise ParameterError(message)
        check_ranges(self, "speech_mm", "throat_mm", "cough_mm", "chewing_mm", "turn_degrees", "nod_degrees")
        check_ranges(self, "speech_seconds", "syllable", "chewing_seconds", "chewing_hertz", lowest=0.05)

    def rates(self) -> dict[Kind, float]:
        """Expected numbers a minute."""
        return {kind: float(getattr(self, name)) for kind, name in _FIELDS.items()}

    def with_rate(self, kind: Kind, per_minute: float) -> Self:
        """The same with another rate of one confounder."""
        if kind not in _FIELDS:
            message = f"{kind} is no confounder; use one of {', '.join(_FIELDS)}"
            raise ParameterError(message)
        return replace(self, **{_FIELDS[kind]: per_minute})  # type: ignore[arg-type]


_FIELDS = {
    Kind.ABORTED: "aborted",
    Kind.SPEECH: "speech",
    Kind.THROAT: "throat",
    Kind.COUGH: "cough",
    Kind.CHEWING: "chewing",
    Kind.TURN: "turn",
    Kind.NOD: "nod",
}
EVERY_CONFOUNDER = ConfounderSettings(aborted=1.0, speech=1.5, throat=1.0, cough=0.6, chewing=1.0, turn=0.8, nod=0.8)
"""All of them, about three in a trial of 30 s (choice)."""


def draw_confounder(
    kind: Kind, settings: ConfounderSettings, onset: float, generator: torch.Generator
) -> tuple[TrueEvent, list[Bump]]:
    """Draw the movement of a confounder that starts at ``onset`` seconds (an aborted swallow is drawn by `draw_swallow`)."""
    drawn = _FORMS[kind](settings, onset, generator)
    end = max(bump.end for bump in drawn)
    main = _MAIN[kind]
    amplitude = max((abs(bump.amplitude) for bump in drawn if bump.channel == main), default=0.0)
    return TrueEvent(kind, onset, 0.5 * (onset + end), end, amplitude), drawn


def _speech(settings: ConfounderSettings, onset: float, generator: torch.Generator) -> list[Bump]:
    end = onset + uniform(settings.speech_seconds, generator)
    bumps: list[Bump] = []
    time = onset
    while time < end or not bumps:
        length = uniform(settings.syllable, generator)
        height = uniform(settings.speech_mm, generator) * (1 if uniform((0, 1), generator) < 0.6 else -0.6)
        jaw = uniform((0.3, 2.5), generator)
        bumps.append(Bump(Channel.LARYNX, time, 0.45 * length, 0.1 * length, 0.45 * length, height))
        bumps.append(Bump(Channel.JAW, time, 0.4 * length, 0.2 * length, 0.4 * length, jaw))
        bumps.append(Bump(Channel.SUBMENTAL, time, 0.5 * length, 0.0, 0.5 * length, uniform((-0.6, 0.9), generator)))
        time += length * uniform((0.7, 1.3), generator)
    return bumps


def _throat(settings: ConfounderSettings, onset: float, generator: torch.Generator) -> list[Bump]:
    bumps: list[Bump] = []
    time = onset
    for _ in range(1 + int(uniform((0, 2.999), generator))):
        length = uniform((0.2, 0.4), generator)
        height = uniform(settings.throat_mm, generator)
        bumps.append(Bump(Channel.LARYNX, time, 0.35 * length, 0.25 * length, 0.4 * length, height))
        bumps.append(Bump(Channel.NEAR, time, 0.4 * length, 0.0, 0.6 * length, uniform((0.3, 1.5), generator)))
        time += length + uniform((0.05, 0.3), generator)
    return bumps


def _cough(settings: ConfounderSettings, onset: float, generator: torch.Generator) -> list[Bump]:
    bumps: list[Bump] = []
    time = onset
    for _ in range(1 + int(uniform((0, 2.999), generator))):
        thrown, fall = uniform(settings.cough_mm, generator), uniform((0.25, 0.45), generator)
        rise = uniform((0.08, 0.16), generator)
        bumps.append(Bump(Channel.NEAR, time, rise, 0.02, fall, thrown))
        bumps.append(Bump(Channel.NOD, time, rise, 0.02, fall, 0.35 * thrown))
        bumps.append(Bump(Channel.LARYNX, time, rise, 0.05, fall, uniform((-4.0, 3.0), generator)))
        time += rise + fall + uniform((0.02, 0.3), generator)
    return bumps


def _chewing(settings: ConfounderSettings, onset: float, generator: torch.Generator) -> list[Bump]:
    end = onset + uniform(settings.chewing_seconds, generator)
    hertz, opening = uniform(settings.chewing_hertz, generator), uniform(settings.chewing_mm, generator)
    bumps: list[Bump] = []
    time = onset
    while time < end or not bumps:
        period = uniform((0.85, 1.15), generator) / hertz
        height = opening * uniform((0.75, 1.25), generator)
        bumps.append(Bump(Channel.JAW, time, 0.4 * period, 0.05 * period, 0.4 * period, height))
        bumps.append(Bump(Channel.SUBMENTAL, time, 0.5 * period, 0.0, 0.45 * period, 0.3 * height))
        time += period
    return bumps


def _turn(settings: ConfounderSettings, onset: float, generator: torch.Generator) -> list[Bump]:
    side = 1 if uniform((0, 1), generator) < 0.5 else -1
    rise, hold, fall = (uniform(r, generator) for r in ((0.4, 1.0), (0.1, 1.0), (0.4, 1.0)))
    return [Bump(Channel.TURN, onset, rise, hold, fall, side * uniform(settings.turn_degrees, generator))]


def _nod(settings: ConfounderSettings, onset: float, generator: torch.Generator) -> list[Bump]:
    rise, hold, fall = (uniform(r, generator) for r in ((0.25, 0.7), (0.0, 0.3), (0.25, 0.7)))
    return [Bump(Channel.NOD, onset, rise, hold, fall, uniform(settings.nod_degrees, generator))]


_FORMS: dict[Kind, Callable[[ConfounderSettings, float, torch.Generator], list[Bump]]] = {
    Kind.SPEECH: _speech,
    Kind.THROAT: _throat,
    Kind.COUGH: _cough,
    Kind.CHEWING: _chewing,
    Kind.TURN: _turn,
    Kind.NOD: _nod,
}
_MAIN = {
    Kind.SPEECH: Channel.LARYNX,
    Kind.THROAT: Channel.LARYNX,
    Kind.COUGH: Channel.NEAR,
    Kind.CHEWING: Channel.JAW,
    Kind.TURN: Channel.TURN,
    Kind.NOD: Channel.NOD,
}
