"""Breaths out of the breath sound: where inspirations and expirations are, as far as loudness tells.

The loudness between 100 and 1000 Hz is divided into breaths of one form (`fit_cycles`, `divide_breaths`), a stretch of the
recording at a time. What a microphone on the chest hears of breathing is ambiguous: two like bursts may be one breath or two, and
which half is the inspiration shows only where it is louder or brighter. So every answer carries its `Respiration.reliability`, and
below `RELIABLE` nothing is counted by breath.

Measured: of simulated breaths (12 recordings) 98 % are found, phases agree in 99 % of the time, reliability 0.92 to 0.97. Of the
cycles marked in 10 recordings of ICBHI 30 % begin within 0.4 s of a breath found here, which is chance; reliability 0.09 to 0.54.
"""

from dataclasses import dataclass
from itertools import pairwise
from statistics import mean

import torch
from torch import Tensor

from foreknow.lung.breath_division import divide_breaths
from foreknow.lung.sample_queue import SampleQueue
from foreknow.lung.simulate.breath import RespiratoryPhase
from foreknow.lung.simulate.fit_cycle import fit_cycles

RELIABLE = 0.8  # share of the variance of loudness that breaths explain; below, phases are not to be trusted
_FRAME = 0.1  # seconds between frames; a frame is twice as long
_BAND, _HIGH = (100.0, 1000.0), 300.0  # hertz: what is loudness, and where brightness begins
_SHORTEST, _LONGEST = 0.9, 6.5  # seconds of a breath
_STRETCH = 120.0  # seconds that are divided at once
_LEAST = 4.0  # seconds, to say anything


@dataclass(frozen=True, slots=True)
class Breath:
    """One breath.

    Attributes:
        start: of its inspiration, seconds from the start of the recording.
        turn: end of the inspiration, seconds.
        end: of the expiration, seconds; a pause may follow.
        is_whole: whether it lies in the recording from the start of its inspiration to the end of its pause.
    """

    start: float
    turn: float
    end: float
    is_whole: bool = True


@dataclass(frozen=True)
class Respiration:
    """How a recording breathes.

    Attributes:
        breaths: in order of time, those included that the recording cuts; none where it is too short or silent.
        reliability: share of the variance of loudness that the breaths explain, 0 to 1, the mean over the recording.
        cycle: mean time from a breath to the next, seconds; None if there are no two.
    """

    breaths: tuple[Breath, ...] = ()
    reliability: float = 0.0
    cycle: float | None = None

    @property
    def is_reliable(self) -> bool:
        """Whether breaths may be counted and crackles told by phase."""
        return bool(self.breaths) and self.reliability >= RELIABLE

    @property
    def phases(self) -> tuple[RespiratoryPhase, ...]:
        """Inspirations and expirations in order of time."""
        pairs = ((("inspiration", b.start, b.turn), ("expiration", b.turn, b.end)) for b in self.breaths)
        return tuple(RespiratoryPhase(*phase) for pair in pairs for phase in pair if phase[2] > phase[1])

    @property
    def breaths_per_minute(self) -> float | None:
        """Rate of breathing; None if there are no two breaths."""
        return 60.0 / self.cycle if self.cycle else None

    @property
    def breathing_seconds(self) -> float:
        """Seconds of inspiration and expiration together."""
        return sum(breath.end - breath.start for breath in self.breaths)

    def place(self, time: float) -> tuple[str, float] | None:
        """The phase in which a time (seconds) lies, and the share of it that has passed, 0 to 1; None in a pause."""
        for phase in self.phases:
            if phase.start <= time < phase.end:
                return phase.kind, (time - phase.start) / (phase.end - phase.start)
        return None


class RespirationMeter:
    """Finds the breaths of a breath sound that comes in blocks; ten numbers a second are kept of it.

    Args:
        rate: of the breath sound, hertz; 2000 or more.
    """

    def __init__(self, rate: int) -> None:
        self._hop = round(_FRAME * rate)
        self._rate = rate
        self._queue = SampleQueue()
        self._frames: list[Tensor] = []
        self._count = 0
        size = 2 * self._hop
        self._window = torch.hann_window(size, periodic=True, dtype=torch.float64)
        hertz = torch.fft.rfftfreq(size, 1 / rate, dtype=torch.float64)
        self._low = (hertz >= _BAND[0]) & (hertz < _HIGH)
        self._high = (hertz >= _HIGH) & (hertz <= _BAND[1])

    def push(self, breath: Tensor) -> None:
        """Give the next samples, (n,), float64."""
        self._count += breath.shape[0]
        self._queue.append(breath)
        frames = len(self._queue) // self._hop - 1
        if frames < 1:
            return
        samples = self._queue.peek((frames + 1) * self._hop)
        self._queue.take(frames * self._hop)
        power = torch.fft.rfft(samples.unfold(0, 2 * self._hop, self._hop) * self._window).abs().square()
        self._frames.append(torch.stack((power[:, self._low].sum(1), power[:, self._high].sum(1))))

    def finish(self) -> Respiration:
        """The breaths of the whole recording."""
        if not self._frames or self._count < _LEAST * self._rate:
            return Respiration()
        low, high = torch.cat(self._frames, dim=1)
        band = low + high
        typical = float(band.median())
        if typical <= 0:
            return Respiration()
        loudness = _without_clicks(10 * torch.log10(band.clamp(min=1e-4 * typical)))
        tiny = 1e-6 * typical
        brightness = _without_clicks(10 * torch.log10((high + tiny) / (low + tiny)))
        return _divide(loudness, brightness)


def find_breaths(breath: Tensor, rate: int) -> Respiration:
    """The breaths of a whole breath sound, (n,), at a rate in hertz."""
    meter = RespirationMeter(rate)
    meter.push(breath.to(torch.float64))
    return meter.finish()


def _divide(loudness: Tensor, brightness: Tensor) -> Respiration:
    """A stretch after the other; the next begins where the last whole breath ends, so that none is cut."""
    breaths: list[Breath] = []
    gaps: list[float] = []
    first, frames, stretch = 0, len(loudness), round(_STRETCH / _FRAME)
    explained = 0.0
    while first < frames:
        last = frames if frames - first < 1.5 * stretch else first + stretch
        level = loudness[first:last]
        fit = fit_cycles(level, brightness[first:last], round(_SHORTEST / _FRAME), round(_LONGEST / _FRAME))
        division = divide_breaths(level, fit, round(_SHORTEST / _FRAME), round(_LONGEST / _FRAME), open_start=not first)
        starts = [start for start in division.starts if start <= last - first] if last < frames else list(division.starts)
        times = [(first + start + 0.5) * _FRAME for start in starts]
        breaths += _breaths(times, fit.form.inspiration, fit.form.expiration, frames * _FRAME)
        gaps += [end - start for start, end in pairwise(times)]
        done = (frames if last == frames else first + max(starts[-1], 1)) - first
        explained += division.explained * done
        first += done
    whole = [gap for gap, breath in zip(gaps, breaths, strict=False) if breath.is_whole] or gaps
    return Respiration(tuple(breaths), explained / frames, mean(whole) if len(breaths) > 1 else None)


def _breaths(times: list[float], inspiration: float, expiration: float, seconds: float) -> list[Breath]:
    """Breaths between times, what lies outside of the recording cut off."""
    sounding = min(1.0, inspiration + expiration)
    found = []
    for start, end in pairwise(times):
        edges = (start, start + inspiration * (end - start), start + sounding * (end - start))
        first, turn, last = (min(max(edge, 0.0), seconds) for edge in edges)
        if last > first:
            found.append(Breath(first, turn, last, is_whole=start >= 0 and end <= seconds))
    return found


def _without_clicks(level: Tensor) -> Tensor:
    """The median of three frames: what lasts one is no breath."""
    padded = torch.nn.functional.pad(level[None, None], (1, 1), mode="replicate")[0, 0]
    return padded.unfold(0, 3, 1).median(dim=1).values
