"""Crackles found in signals that come in blocks: chunk by chunk with context, each crackle once."""

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from foreknow.lung.events import Crackle
from foreknow.lung.sample_queue import SampleQueue

Finder = Callable[[Tensor, Tensor], list[Crackle]]


class EventStream:
    """Looks for crackles in chunks of a long signal, with enough signal at both sides of a chunk to judge the level there.

    A crackle belongs to the chunk in which its peak lies. The chunks are where they are whatever the blocks, so the events do not
    depend on how the signal is cut. One that two chunks claim, because its peak is on their border, is counted once.

    Args:
        find: from the crackle part (n,) and the breath part (n,) to crackles, their times relative to the first sample.
        rate: sampling rate, hertz.
        chunk: seconds per chunk.
        context: seconds of signal shown to ``find`` before and after a chunk.
    """

    SAME = 0.001  # seconds between peaks below which two events at a border are one

    def __init__(self, find: Finder, rate: float, chunk: float = 20.0, context: float = 1.0) -> None:
        self._find = find
        self._rate = rate
        self._chunk = max(1, round(chunk * rate))
        self._context = max(1, round(context * rate))
        self._crackles = SampleQueue()
        self._breath = SampleQueue()
        self._first = 0  # index, in the whole signal, of the first sample in the queues
        self._start = 0  # index where the next chunk starts
        self._events: list[Crackle] = []

    def push(self, crackles: Tensor, breath: Tensor) -> None:
        """Give the next samples of both parts, (n,) each."""
        self._crackles.append(crackles)
        self._breath.append(breath)
        while self._first + len(self._crackles) >= self._start + self._chunk + self._context:
            self._search(self._start + self._chunk + self._context - self._first, self._start + self._chunk)

    def finish(self) -> tuple[Crackle, ...]:
        """End the signal: all crackles in order of time, their times relative to the start of the signal."""
        end = self._first + len(self._crackles)
        while self._start < end:
            stop = min(self._start + self._chunk, end)
            self._search(min(stop + self._context, end) - self._first, stop)
        return tuple(sorted(self._events, key=lambda event: (event.peak, event.onset)))

    def _search(self, count: int, stop: int) -> None:
        crackles, breath = self._crackles.peek(count), self._breath.peek(count)
        low, high = self._start / self._rate - self.SAME, stop / self._rate + self.SAME
        offset = self._first / self._rate
        recent = [event.peak for event in self._events if event.peak > low - self.SAME]
        for event in self._find(crackles, breath):
            moved = replace(event, onset=event.onset + offset, peak=event.peak + offset)
            if low <= moved.peak < high and not any(abs(moved.peak - peak) < self.SAME for peak in recent):
                self._events.append(moved)
        self._start = stop
        surplus = max(0, min(stop - self._context - self._first, len(self._crackles)))
        self._crackles.take(surplus)
        self._breath.take(surplus)
        self._first += surplus
