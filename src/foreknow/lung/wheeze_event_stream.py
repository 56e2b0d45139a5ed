"""Wheezes found in signals that come in blocks: chunk by chunk with context, each wheeze once."""

from dataclasses import replace

from torch import Tensor

from foreknow.lung.sample_queue import SampleQueue
from foreknow.lung.wheeze_settings import WheezeSettings
from foreknow.lung.wheezes import Wheeze, find_wheezes


class WheezeEventStream:
    """Looks for wheezes in chunks of a long signal; a wheeze belongs to the chunk in which it begins.

    What lasts longer than the context goes on as another wheeze in the next chunk. The chunks are where they are whatever the
    blocks.

    Args:
        settings: see `WheezeSettings`.
        rate: sampling rate, hertz.
        chunk: seconds per chunk.
        context: seconds of signal before and after a chunk.
    """

    def __init__(self, settings: WheezeSettings, rate: float, chunk: float = 60.0, context: float = 6.0) -> None:
        self._settings = settings
        self._rate = rate
        self._chunk = max(1, round(chunk * rate))
        self._context = max(1, round(context * rate))
        self._wheezes = SampleQueue()
        self._breath = SampleQueue()
        self._first = 0  # index, in the whole signal, of the first sample in the queues
        self._start = 0  # index where the next chunk starts
        self._events: list[Wheeze] = []

    def push(self, wheezes: Tensor, breath: Tensor) -> None:
        """Give the next samples of both parts, (n,) each."""
        self._wheezes.append(wheezes)
        self._breath.append(breath)
        while self._first + len(self._wheezes) >= self._start + self._chunk + self._context:
            self._search(self._start + self._chunk + self._context - self._first, self._start + self._chunk)

    def finish(self) -> tuple[Wheeze, ...]:
        """End the signal: all wheezes in order of onset, their times relative to the start of the signal."""
        end = self._first + len(self._wheezes)
        while self._start < end:
            stop = min(self._start + self._chunk, end)
            self._search(min(stop + self._context, end) - self._first, stop)
        return tuple(sorted(self._events, key=lambda event: (event.onset, event.fundamental)))

    def _search(self, count: int, stop: int) -> None:
        found = find_wheezes(self._wheezes.peek(count), self._breath.peek(count), rate=self._rate, settings=self._settings)
        offset, low, high = self._first / self._rate, self._start / self._rate, stop / self._rate
        for event in found:
            onset = event.onset + offset
            if low <= onset < high:
                times = tuple(time + offset for time in event.times)
                self._events.append(replace(event, onset=onset, end=event.end + offset, times=times))
        self._start = stop
        surplus = max(0, min(stop - self._context - self._first, len(self._wheezes)))
        self._wheezes.take(surplus)
        self._breath.take(surplus)
        self._first += surplus
