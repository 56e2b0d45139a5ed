"""Wheezes as rows of tables and as numbers of a recording."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import median
from typing import Protocol

from foreknow.files import Event
from foreknow.files.table import csv_text
from foreknow.lung.breath_table import timing
from foreknow.lung.respiration import Respiration
from foreknow.lung.wheeze_settings import WheezeSettings
from foreknow.lung.wheezes import Wheeze, kind_of, wheeze_seconds

WHEEZE_FEATURES = ("fundamental_hz", "start_hz", "end_hz", "low_hz", "high_hz", "harmonics", "voices", "strength")
_KINDS = ("wheeze", "rhonchus", "stridor")
_MARGIN_HZ = 30.0  # around a line in a picture or a Raven selection


def with_phase(wheezes: Sequence[Wheeze], respiration: Respiration, settings: WheezeSettings) -> tuple[Wheeze, ...]:
    """The same wheezes, those named stridor that are loud, high and, where breathing is told reliably, inspiratory."""
    named = []
    for wheeze in wheezes:
        phase = timing(0.5 * (wheeze.onset + wheeze.end), respiration)["phase"]
        named.append(replace(wheeze, kind=kind_of(wheeze, settings, None if phase is None else str(phase))))
    return tuple(named)


def wheeze_events(wheezes: Sequence[Wheeze], respiration: Respiration) -> list[Event]:
    """Wheezes as rows of a table of events, voice by voice."""
    events = []
    for wheeze in wheezes:
        features: dict[str, float | int | str | None] = {
            "fundamental_hz": wheeze.fundamental,
            "start_hz": wheeze.hertz[0],
            "end_hz": wheeze.hertz[-1],
            "low_hz": max(0.0, min(wheeze.hertz) - _MARGIN_HZ),
            "high_hz": max(wheeze.hertz) + _MARGIN_HZ,
            "harmonics": wheeze.harmonics,
            "voices": wheeze.voices,
            "strength": wheeze.strength,
            "level_db": wheeze.level_db,
            **timing(0.5 * (wheeze.onset + wheeze.end), respiration),
        }
        events.append(Event(wheeze.onset, wheeze.duration, wheeze.kind, features))
    return events


def count_wheezes(wheezes: Sequence[Wheeze] | None, respiration: Respiration, seconds: float) -> dict[str, float | int | None]:
    """What ``summary.json`` says of wheezes; None where they were not sought.

    The share of breathing time is that of inspirations and expirations, where these are told reliably.
    """
    if wheezes is None:
        names = (*_KINDS, "polyphonic", "wheeze_s", "wheeze_share", "wheeze_share_of_breathing", "median_fundamental_hz")
        return dict.fromkeys(names)
    sounding, breathing = wheeze_seconds(wheezes), respiration.breathing_seconds
    inside = sum(
        max(0.0, min(wheeze.end, phase.end) - max(wheeze.onset, phase.start))
        for phase in respiration.phases
        for wheeze in _without_overlap(wheezes)
    )
    known = respiration.is_reliable and breathing > 0
    return {
        **{kind: sum(wheeze.kind == kind for wheeze in wheezes) for kind in _KINDS},
        "polyphonic": sum(wheeze.voices > 1 for wheeze in wheezes),
        "wheeze_s": round(sounding, 4),
        "wheeze_share": round(sounding / seconds, 5) if seconds else None,
        "wheeze_share_of_breathing": round(inside / breathing, 5) if known else None,
        "median_fundamental_hz": round(median(wheeze.fundamental for wheeze in wheezes), 2) if wheezes else None,
    }


def _without_overlap(wheezes: Sequence[Wheeze]) -> list[Wheeze]:
    """Every moment in one wheeze at most."""
    cut, reached = [], 0.0
    for wheeze in sorted(wheezes, key=lambda one: one.onset):
        if wheeze.end > reached:
            cut.append(replace(wheeze, onset=max(wheeze.onset, reached)))
            reached = wheeze.end
    return cut


class Track(Protocol):
    """A fundamental frequency over time, found or simulated: of kind ``kind``, ``hertz`` at ``times`` in seconds."""

    @property
    def kind(self) -> str:
        """Of what kind it is."""
        ...

    @property
    def times(self) -> Iterable[float]:
        """Seconds."""
        ...

    @property
    def hertz(self) -> Iterable[float]:
        """At these times."""
        ...


def fundamentals_csv(tracks: Sequence[Track]) -> str:
    """Fundamental of every continuous sound over time."""
    rows = (
        (number, track.kind, f"{second:.4f}", f"{hertz:.3f}")
        for number, track in enumerate(tracks, start=1)
        for second, hertz in zip(track.times, track.hertz, strict=True)
    )
    return csv_text(("sound", "kind", "seconds", "hertz"), rows)
