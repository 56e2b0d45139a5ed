"""From what the network says of windows to swallows: the same whether windows come one by one or all at once."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from foreknow.swallow.events import DOUBLE_SECONDS, OtherEvent, SwallowEvent
from foreknow.swallow.learned.network import KINDS
from foreknow.swallow.simulate.events import Kind

STRIDE = 2
"""Frames from one look of the network to the next."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long is waited before a word on a moment is taken.

    Attributes:
        future: frames after the moment that the network has seen; one more for every other moment.
        fall: frames after a peak that must be lower.
    """

    future: int
    fall: int


ANNOUNCING = Timing(6, 2)
"""Soon enough for a beep within half a second of the peak."""
SETTLING = Timing(40, 5)
"""When the whole course of a swallow has been seen: what was announced is kept or withdrawn, what was missed is added."""

_BEFORE = 5  # frames before a peak that must be lower
_APART = 13  # frames between two swallows
_EDGE = 3  # frames at the end of a recording that are not decided on
_RISE, _SEARCH = 0.25, 48  # share of the amplitude at onset and end; frames to look for them
_OTHER_LEAST, _OTHER_GAP = 5, 12  # frames
_LIFT_MM = 10.0
_SWALLOW, _ABORTED, _DOUBT = KINDS.index(Kind.SWALLOW), KINDS.index(Kind.ABORTED), 0.05


@dataclass(frozen=True)
class Calibration:
    """How the network's numbers are read.

    Attributes:
        threshold: chance above which a swallow counts.
        slope: of a peak's height (its logit, less where the classes speak for an aborted swallow), that makes it a chance.
        offset: added to it.
        other: chance above which a class other than a swallow is named.
    """

    threshold: float = 0.5
    slope: float = 1.0
    offset: float = 0.0
    other: float = 0.5

    def chance(self, logit: float) -> float:
        """The chance that a peak of this height is a swallow."""
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, self.slope * logit + self.offset))))


@dataclass
class Decisions:
    """Takes what the network says of windows that end later and later.

    Attributes:
        calibration: how numbers are read.
        timing: how long is waited.
        seconds: time of each feature frame.
        lift: of the larynx at each decided frame, millimetres.
        logits: of a peak at each decided frame.
        kinds: chances of the classes at each decided frame, lists of KINDS numbers.
    """

    calibration: Calibration
    timing: Timing = SETTLING
    seconds: list[float] = field(default_factory=list)
    lift: list[float] = field(default_factory=list)
    logits: list[float] = field(default_factory=list)
    kinds: list[list[float]] = field(default_factory=list)
    _peaks: list[tuple[int, float, float]] = field(default_factory=list)
    _looked: int = 0

    def look(self, end: int, said: dict[str, Tensor], now: float, *, last: bool = False) -> list[SwallowEvent]:
        """Decide on the frames that are due.

        Args:
            end: number of the window's last frame; those before have been looked at in order.
            said: what the network says of the window: ``peak`` (1, window), ``kinds``, ``lift``.
            now: time stamp of the newest frame of the camera.
            last: whether no more windows come, so that all but the last frames are due.

        Returns:
            Swallows that are counted now; their end is not known yet and stands at the newest frame.
        """
        lag = _EDGE if last else self.timing.future
        window = said["peak"].shape[-1]
        peak = said["peak"][0]
        before = len(self.logits)
        due = range(before, end - lag + 1)
        columns = [window - 1 - (end - frame) for frame in due]
        if columns:
            self.logits += peak[columns].tolist()
            self.lift += (_LIFT_MM * said["lift"][0, columns]).tolist()
            self.kinds += said["kinds"][:, columns].sigmoid().T.tolist()
        return self._count(now, last=last)

    def _count(self, now: float, *, last: bool) -> list[SwallowEvent]:
        """Peaks of the smoothed logits that are followed by a fall."""
        found = []
        after = 0 if last else self.timing.fall
        while self._looked + after < len(self.logits):
            frame = self._looked
            self._looked += 1
            height = self._smooth(frame)
            chance = self.calibration.chance(height + self._for_swallow(frame))
            around = range(max(0, frame - _BEFORE), min(len(self.logits), frame + self.timing.fall + 1))
            apart = not self._peaks or frame - self._peaks[-1][0] >= _APART
            if chance >= self.calibration.threshold and apart and all(self._smooth(place) <= height for place in around):
                self._peaks.append((frame, chance, now))
                found.append(self._event(len(self._peaks) - 1))
        return found

    def _smooth(self, frame: int) -> float:
        """The logit of a frame and half of those beside it: every other is read with one frame more of future."""
        logits = self.logits
        before, after = logits[max(0, frame - 1)], logits[min(len(logits) - 1, frame + 1)]
        return (before + 2 * logits[frame] + after) / 4

    def _for_swallow(self, frame: int) -> float:
        """Logarithm of the share of a swallow in what the classes say of it and of an aborted one, about a frame."""
        rows = self.kinds[max(0, frame - _BEFORE) : frame + self.timing.fall + 1]
        swallow, aborted = (sum(row[place] for row in rows) / len(rows) for place in (_SWALLOW, _ABORTED))
        return math.log((swallow + _DOUBT) / (swallow + aborted + _DOUBT))

    def swallows(self) -> tuple[SwallowEvent, ...]:
        """All swallows so far, with onset, end and amplitude as they are known now."""
        return tuple(self._event(place) for place in range(len(self._peaks)))

    def others(self) -> tuple[OtherEvent, ...]:
        """What else happened, by the chances of the classes, in order of onset."""
        found: list[OtherEvent] = []
        if not self.kinds:
            return ()
        table = torch.tensor(self.kinds)
        for place, kind in enumerate(KINDS):
            if kind is Kind.SWALLOW:
                continue
            for start, stop in _stretches(table[:, place] > self.calibration.other):
                if not (kind is Kind.ABORTED and self._counted(start, stop)):
                    mean = float(table[start:stop, place].mean())
                    found.append(OtherEvent(kind, self.seconds[start], self.seconds[stop - 1], mean))
        return tuple(sorted(found, key=lambda event: (event.onset, event.kind)))

    def _counted(self, start: int, stop: int) -> bool:
        return any(start - _APART <= frame <= stop + _APART for frame, _, _ in self._peaks)

    def _event(self, place: int) -> SwallowEvent:
        frame, chance, announced = self._peaks[place]
        low = self._peaks[place - 1][0] + 1 if place else 0
        high = self._peaks[place + 1][0] if place + 1 < len(self._peaks) else len(self.lift)
        around = self.lift[max(low, frame - 6) : min(high, frame + 7)] or [0.0]
        amplitude = max(*around, 0.1)
        level = _RISE * amplitude
        onset = _walk(self.lift, frame, max(low, frame - _SEARCH), -1, level)
        end = _walk(self.lift, frame, min(high, frame + _SEARCH) - 1, 1, level)
        seconds = self.seconds
        second = bool(place) and seconds[frame] - seconds[self._peaks[place - 1][0]] < DOUBLE_SECONDS
        event = SwallowEvent(seconds[onset], seconds[frame], seconds[max(end, frame)], amplitude, chance, announced, second)
        return event if event.onset <= event.peak else replace(event, onset=event.peak)


def _walk(lift: list[float], frame: int, stop: int, step: int, level: float) -> int:
    """From a peak to where the lift has fallen below a level or begins to rise again."""
    place = min(frame, len(lift) - 1)
    while place != stop and 0 <= place + step < len(lift) and lift[place] > level:
        place += step
    return place


def _stretches(marks: Tensor) -> list[tuple[int, int]]:
    """Stretches of True, short gaps bridged, short stretches left out."""
    places = marks.nonzero().squeeze(1).tolist()
    found: list[list[int]] = []
    for place in places:
        if found and place - found[-1][1] <= _OTHER_GAP:
            found[-1][1] = place + 1
        else:
            found.append([place, place + 1])
    return [(start, stop) for start, stop in found if stop - start >= _OTHER_LEAST]
