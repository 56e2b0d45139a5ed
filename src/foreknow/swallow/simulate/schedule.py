"""When things happen in a repetitive saliva swallowing test: swallows whose gaps grow, confounders between them."""

import math
from dataclasses import dataclass

import torch

from foreknow.errors import ParameterError
from foreknow.simulate.fields import uniform
from foreknow.swallow.simulate.bumps import Bump
from foreknow.swallow.simulate.confounders import ConfounderSettings, draw_confounder
from foreknow.swallow.simulate.events import Kind, TrueEvent
from foreknow.swallow.simulate.swallows import Range, SwallowSettings, check_ranges, draw_swallow

_CLEAR = 0.25  # seconds between two events
_REST = 0.2  # seconds at the end of a trial
_ATTEMPTS = 60


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """How a trial of 30 s is filled.

    Attributes:
        count: swallows: a number, or the two ends of a range from which it is drawn evenly, as far as
            they fit (the norm is 8.4 at ages 20 to 39 and falls with age; 0 to 12 occur).
        first: seconds of the first onset.
        growth: each gap relative to the one before (saliva runs out; the size is a choice).
        spread: standard deviation of the log of a gap about that (choice).
        overlap: whether head movements may fall together with swallows.

    Raises:
        ParameterError: if the count is negative or a range not in order.
    """

    count: int | tuple[int, int] = (0, 12)
    first: Range = (0.6, 2.5)
    growth: Range = (1.0, 1.2)
    spread: float = 0.15
    overlap: bool = True

    def __post_init__(self) -> None:
        low, high = self.counts
        if not 0 <= low <= high:
            message = f"the number of swallows is 0 or more, or a range in order, not {self.count}"
            raise ParameterError(message)
        check_ranges(self, "first", lowest=0.3)
        check_ranges(self, "growth", lowest=0.1)

    @property
    def counts(self) -> tuple[int, int]:
        """The range of counts."""
        return (self.count, self.count) if isinstance(self.count, int) else self.count


def draw_schedule(
    settings: ScheduleSettings,
    swallows: SwallowSettings,
    confounders: ConfounderSettings,
    seconds: float,
    generator: torch.Generator,
) -> tuple[tuple[TrueEvent, ...], list[Bump]]:
    """Draw the events of a trial, in order of onset, and all their movements.

    Raises:
        ParameterError: if the swallows do not fit into the trial.
    """
    low, high = settings.counts
    slowness = uniform(swallows.slowness, generator)
    fitting = int((seconds - settings.first[0] - _REST) / (slowness * swallows.longest + _CLEAR))
    high = max(low, min(high, fitting))
    count = low + int(torch.randint(high - low + 1, (1,), generator=generator))
    events: list[TrueEvent] = []
    bumps: list[Bump] = []
    for onset, second in _onsets(settings, swallows, count, slowness, seconds, generator):
        event, moved = draw_swallow(swallows, onset, slowness, generator, second=second)
        events.append(event)
        bumps += moved
    for kind, rate in confounders.rates().items():
        number = int(torch.poisson(torch.tensor(rate * seconds / 60, dtype=torch.float64), generator=generator))
        for _ in range(number):
            found = _place(kind, events, settings, swallows, confounders, slowness, seconds, generator)
            if found is not None:
                events.append(found[0])
                bumps += found[1]
    return tuple(sorted(events, key=lambda event: (event.onset, event.kind))), bumps


def _onsets(
    settings: ScheduleSettings,
    swallows: SwallowSettings,
    count: int,
    slowness: float,
    seconds: float,
    generator: torch.Generator,
) -> list[tuple[float, bool]]:
    """Onsets, and whether each is the second of a double swallow."""
    if not count:
        return []
    sizes: list[int] = []
    while sum(sizes) < count:
        double = sum(sizes) + 2 <= count and uniform((0, 1), generator) < swallows.double
        sizes.append(2 if double else 1)
    second = [slowness * uniform(swallows.double_gap, generator) for _ in sizes]
    taken = [slowness * swallows.longest + (gap if size == 2 else 0.0) for size, gap in zip(sizes, second, strict=True)]
    first = uniform(settings.first, generator)
    growth = uniform(settings.growth, generator)
    normal = torch.randn(len(sizes), generator=generator, dtype=torch.float64)
    pauses = [growth**place * math.exp(settings.spread * float(value)) for place, value in enumerate(normal)]
    free = seconds - first - sum(taken) - _CLEAR * len(sizes) - _REST
    if free < 0:
        first, free = settings.first[0], free + first - settings.first[0]
    if free < 0:
        message = f"{count} swallows do not fit into {seconds:g} s; ask for fewer, or for shorter ones"
        raise ParameterError(message)
    used = free * uniform((0.75, 1.0), generator) / sum(pauses)
    onsets, time = [], first
    for size, gap, length, pause in zip(sizes, second, taken, pauses, strict=True):
        onsets.append((time, False))
        if size == 2:
            onsets.append((time + gap, True))
        time += length + _CLEAR + pause * used
    return onsets


def _place(
    kind: Kind,
    events: list[TrueEvent],
    settings: ScheduleSettings,
    swallows: SwallowSettings,
    confounders: ConfounderSettings,
    slowness: float,
    seconds: float,
    generator: torch.Generator,
) -> tuple[TrueEvent, list[Bump]] | None:
    """A confounder where nothing else happens; None where there is no room."""
    free = settings.overlap and kind in {Kind.TURN, Kind.NOD}
    for _ in range(_ATTEMPTS):
        onset = uniform((0.3, max(0.3, seconds - 1.0)), generator)
        if kind is Kind.ABORTED:
            event, bumps = draw_swallow(swallows, onset, slowness, generator, aborted=True)
        else:
            event, bumps = draw_confounder(kind, confounders, onset, generator)
        clear = all(event.end + _CLEAR <= other.onset or other.end + _CLEAR <= event.onset for other in events)
        if event.end < seconds and (free or clear):
            return event, bumps
    return None
