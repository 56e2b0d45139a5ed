"""Crackles and wheezes while a recording is being made: chunks in, parts and events out after a delay that is bounded and known."""

from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from foreknow.lung.events import Crackle, find_crackles
from foreknow.lung.live_search import LiveKind, LiveSearch
from foreknow.lung.sample_queue import SampleQueue
from foreknow.lung.separators import crackle_separator
from foreknow.lung.settings import SeparationSettings
from foreknow.lung.sliding_window import SlidingWindow
from foreknow.lung.wheeze_separators import wheeze_separator
from foreknow.lung.wheeze_settings import WheezeSettings
from foreknow.lung.wheezes import Wheeze, find_wheezes
from foreknow.lung.window_stream import Cut, WindowSeparator, WindowStream

_FADE = 0.016  # seconds over which the estimates of two windows are faded into each other
_JUDGED = 0.06  # seconds that must follow a crackle before it is reported: its two cycles, and the end that is not searched
_WHEEZE_AHEAD = 0.4  # seconds of future that a sample is judged with: the shortest wheeze and the windows that it shows in, twice
_WHEEZE_JUDGED = 0.3  # seconds that must follow the end of a wheeze: it may pause, and another frame may yet belong to it
_WHEEZE_UNCERTAIN = 0.5  # seconds by which its end may move when more is known
_SAME_PITCH = 0.1
_RESAMPLING = 0.7  # seconds that changing the rate there and back holds back at most: libsoxr works in blocks


@dataclass(frozen=True)
class LivePart:
    """What is known since the last chunk.

    Attributes:
        recording: (n,), float64, at the rate of the recording.
        crackles: (n,), their crackle part; recording minus crackles and wheezes is breath sound.
        events: crackles that were found, times in seconds from the start of the recording.
        wheezes: (n,), the wheeze part, zero if wheezes are not sought.
        wheeze_events: wheezes that have ended, of which none is named stridor: that takes the phases of breathing.
    """

    recording: Tensor
    crackles: Tensor
    events: tuple[Crackle, ...]
    wheezes: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.float64))
    wheeze_events: tuple[Wheeze, ...] = ()


class LiveSeparation:
    """Separates the crackles, and the wheezes if they are asked for, of a recording that is not over yet.

    Windows slide on by ``hop`` (`SlidingWindow`); of their results only what lies ``ahead`` before their ends is used, where both
    sides are known. So every sample is separated once, with some seconds of past and a little future. A wheeze is told when it has
    ended; one that lasts longer than a window of them is told with what lies in that window.

    Args:
        rate: hertz.
        settings: how to separate; wheezes are sought if ``settings.wheezes`` is not None.
        hop: seconds by which windows slide.
        ahead: seconds of future that a sample is judged with; for wheezes 0.4 s at least.
        device: where windows are separated.

    Raises:
        ParameterError: if ``hop`` and ``ahead`` are not positive, or do not fit into half a window.
    """

    def __init__(
        self,
        rate: int,
        settings: SeparationSettings | None = None,
        *,
        hop: float = 0.5,
        ahead: float = 0.2,
        device: str | torch.device = "cpu",
    ) -> None:
        self.settings = settings or SeparationSettings()
        self.rate = rate
        self.working_rate = working_rate = min(rate, self.settings.rate)
        self._hop, self._ahead, self._wheeze_ahead = hop, ahead, max(ahead, _WHEEZE_AHEAD)
        self.separator = crackle_separator(self.settings, working_rate)
        self.separator.model.to(torch.device(device))
        every, window = round(hop * working_rate), self.separator.window_samples
        crackles = LiveKind(
            partial(find_crackles, rate=working_rate, settings=self.settings), _later, _peak, _is_same_crackle, _JUDGED
        )
        cut = self._slide(self.separator, ahead)  # refuses what does not fit before anything else is made
        self._crackle_search = LiveSearch(crackles, working_rate, max(1, every), window)
        hear = self._crackle_search.push
        self._crackle_stream = WindowStream(self.separator, rate, working_rate, cut=cut, device=device, hear=hear)
        self._wheeze_search: LiveSearch[Wheeze] | None = None
        self._wheeze_stream: WindowStream | None = None
        if self.settings.wheezes is not None:
            self._seek_wheezes(self.settings.wheezes, every, device)
        self._recording, self._crackles = SampleQueue(), SampleQueue()

    def _seek_wheezes(self, wanted: WheezeSettings, every: int, device: str | torch.device) -> None:
        separator = wheeze_separator(wanted, self.working_rate)
        separator.model.to(torch.device(device))
        wheezes = LiveKind(
            partial(find_wheezes, rate=self.working_rate, settings=wanted),
            _wheeze_later,
            _end,
            _is_same_wheeze,
            _WHEEZE_JUDGED,
            _WHEEZE_UNCERTAIN,
        )
        search = LiveSearch(wheezes, self.working_rate, every, separator.window_samples)
        cut = self._slide(separator, self._wheeze_ahead)
        self._wheeze_search = search
        self._wheeze_stream = WindowStream(separator, self.rate, self.working_rate, cut=cut, device=device, hear=search.push)

    def _slide(self, separator: WindowSeparator, ahead: float) -> Cut:
        window = separator.window_samples
        hop, ahead_, fade = (round(seconds * self.working_rate) for seconds in (self._hop, ahead, _FADE))
        return lambda process: SlidingWindow(window, hop, ahead_, max(1, fade), process)

    @property
    def crackle_delay(self) -> float:
        """Bound, in seconds, of the time from a crackle to the push that tells it, but for the length of a chunk."""
        return self._hop + self._ahead + self._resampling + _JUDGED

    @property
    def wheeze_delay(self) -> float | None:
        """The same from the end of a wheeze; None if wheezes are not sought."""
        if self._wheeze_stream is None:
            return None
        return self.delay + _WHEEZE_JUDGED + _WHEEZE_UNCERTAIN

    @property
    def delay(self) -> float:
        """Bound, in seconds: all that was pushed so long ago has been given out."""
        delay = self._hop + self._ahead + self._resampling
        return delay if self._wheeze_stream is None else delay + self._hop + self._wheeze_ahead + self._resampling

    @property
    def _resampling(self) -> float:
        return 0.0 if self.rate == self.working_rate else _RESAMPLING

    def push(self, chunk: Tensor) -> LivePart:
        """Give the next samples, (n,), full scale 1, any number; take what is known by now."""
        with torch.no_grad():
            signal, crackles = self._crackle_stream.push(chunk.detach().to(device="cpu", dtype=torch.float64))
            if self._wheeze_stream is None:
                return self._part(signal, crackles, torch.zeros_like(signal))
            return self._wheezes_of(signal, crackles, self._wheeze_stream.push(signal - crackles)[1])

    def finish(self) -> LivePart:
        """End the recording and take the rest."""
        with torch.no_grad():
            signal, crackles = self._crackle_stream.finish()
            self._crackle_search.finish()
            if self._wheeze_stream is None or self._wheeze_search is None:
                return self._part(signal, crackles, torch.zeros_like(signal))
            pieces = (self._wheeze_stream.push(signal - crackles)[1], self._wheeze_stream.finish()[1])
            self._wheeze_search.finish()
            return self._wheezes_of(signal, crackles, torch.cat(pieces))

    def _wheezes_of(self, signal: Tensor, crackles: Tensor, wheezes: Tensor) -> LivePart:
        """Hold back what is known of the other parts until the wheezes beside are."""
        self._recording.append(signal)
        self._crackles.append(crackles)
        count = wheezes.shape[0]
        return self._part(self._recording.take(count), self._crackles.take(count), wheezes)

    def _part(self, signal: Tensor, crackles: Tensor, wheezes: Tensor) -> LivePart:
        ended = () if self._wheeze_search is None else self._wheeze_search.take()
        return LivePart(signal, crackles, self._crackle_search.take(), wheezes, ended)


def _later(crackle: Crackle, seconds: float) -> Crackle:
    return replace(crackle, onset=crackle.onset + seconds, peak=crackle.peak + seconds)


def _peak(crackle: Crackle) -> float:
    return crackle.peak


def _is_same_crackle(one: Crackle, other: Crackle) -> bool:  # noqa: ARG001  (each is told from one look only)
    return False


def _wheeze_later(wheeze: Wheeze, seconds: float) -> Wheeze:
    times = tuple(time + seconds for time in wheeze.times)
    return replace(wheeze, onset=wheeze.onset + seconds, end=wheeze.end + seconds, times=times)


def _end(wheeze: Wheeze) -> float:
    return wheeze.end


def _is_same_wheeze(one: Wheeze, other: Wheeze) -> bool:
    overlap = min(one.end, other.end) - max(one.onset, other.onset)
    return overlap > 0 and abs(one.fundamental / other.fundamental - 1) < _SAME_PITCH
