"""Crackles while a recording is being made: chunks in, parts and events out after a delay that is bounded and known."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.files import StreamResampler
from foreknow.lung.events import Crackle, find_crackles
from foreknow.lung.overlap_add import mirror
from foreknow.lung.sample_queue import SampleQueue
from foreknow.lung.separators import crackle_separator
from foreknow.lung.settings import SeparationSettings

_FADE = 0.016  # seconds over which the estimates of two windows are faded into each other
_JUDGED = 0.06  # seconds that must follow a crackle before it is reported: its two cycles, and the end that is not searched
_RESAMPLING = 0.7  # seconds that changing the rate there and back holds back at most: libsoxr works in blocks


@dataclass(frozen=True)
class LivePart:
    """What is known since the last chunk.

    Attributes:
        recording: (n,), float64, at the rate of the recording.
        crackles: (n,), their crackle part; recording minus crackles is breath sound.
        events: crackles that were found, times in seconds from the start of the recording.
    """

    recording: Tensor
    crackles: Tensor
    events: tuple[Crackle, ...]


class LiveSeparation:
    """Separates the crackles of a recording that is not over yet.

    Windows slide on by ``hop``; of their results only what lies ``ahead`` before their ends is used,
    where both sides are known. So every sample is separated once, with some seconds of past and a little future. At the start,
    windows are filled by the mirror image of what there is.

    Args:
        rate: hertz.
        settings: how to separate.
        hop: seconds by which windows slide.
        ahead: seconds of future that a sample is judged with.
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
        self.working_rate = min(rate, self.settings.rate)
        self.separator = crackle_separator(self.settings, self.working_rate)
        self.separator.model.to(torch.device(device))
        self._device = torch.device(device)
        self._window = self.separator.window_samples
        self._fade = max(1, round(_FADE * self.working_rate))
        self._hop, self._ahead = round(hop * self.working_rate), round(ahead * self.working_rate)
        if self._hop < 1 or self._ahead < self._fade or 2 * (self._hop + self._ahead) > self._window:
            message = (
                f"hop and ahead must be positive, ahead {_FADE} s or more, both together at most half a window "
                f"({self._window / self.working_rate / 2:.1f} s), not {hop} and {ahead} s"
            )
            raise ParameterError(message)
        self._down, self._up = StreamResampler(rate, self.working_rate), StreamResampler(self.working_rate, rate)
        self._past = torch.zeros(0, dtype=torch.float64)  # the newest samples at the working rate, a window at most
        self._received = 0  # samples at the working rate
        self._separated = 0  # of these, how many have been given out
        self._next = torch.zeros(0, dtype=torch.float64)  # last estimate of what comes next, to fade from
        self._known = torch.zeros(2, 0, dtype=torch.float64)  # crackles and breath given out, a window at most
        self._reported = 0.0  # seconds up to which crackles were reported
        self._waiting = SampleQueue()  # at the working rate, less than a hop
        self._recording, self._crackles = SampleQueue(), SampleQueue()

    @property
    def delay(self) -> float:
        """Bound, in seconds: all that was pushed so long ago has been given out, and crackles 60 ms later have been reported."""
        resampling = 0.0 if self.rate == self.working_rate else _RESAMPLING
        return (self._hop + self._ahead) / self.working_rate + resampling

    def push(self, chunk: Tensor) -> LivePart:
        """Give the next samples, (n,), full scale 1, any number; take what is known by now."""
        chunk = chunk.detach().to(device="cpu", dtype=torch.float64)
        self._recording.append(chunk)
        events: list[Crackle] = []
        self._waiting.append(torch.from_numpy(self._down.push(chunk.numpy())))
        while len(self._waiting) >= (missing := self._separated + self._hop + self._ahead - self._received):
            self._receive(self._waiting.take(missing))
            events += self._advance(self._separated + self._hop)
        return self._take(events)

    def finish(self) -> LivePart:
        """End the recording and take the rest."""
        self._waiting.append(torch.from_numpy(self._down.push(np.zeros(0), last=True)))
        self._receive(self._waiting.take(len(self._waiting)))
        events = self._advance(self._received, last=True) if self._received > self._separated else []
        self._crackles.append(torch.from_numpy(self._up.push(np.zeros(0), last=True)))
        missing = len(self._recording) - len(self._crackles)
        self._crackles.append(torch.zeros(max(0, missing), dtype=torch.float64))  # rounding of rates
        return self._take(events)

    def _receive(self, samples: Tensor) -> None:
        self._past = torch.cat((self._past, samples))[-self._window :]
        self._received += samples.shape[0]

    def _advance(self, end: int, *, last: bool = False) -> list[Crackle]:
        """Separate up to a sample, counted at the working rate."""
        filled = mirror(self._past, self._window - self._past.shape[0], 0)
        with torch.no_grad():
            estimate = self.separator.separate(filled[None].to(self._device, torch.float32))[0].cpu().double()
        first, start = self._received - self._window, self._separated
        fresh = estimate[start - first : end - first].clone()
        faded = min(self._next.shape[0], fresh.shape[0])
        rise = (torch.arange(faded, dtype=torch.float64) + 0.5) / max(1, faded)
        fresh[:faded] = rise * fresh[:faded] + (1 - rise) * self._next[:faded]
        self._next = estimate[end - first : end - first + self._fade]
        both = torch.stack((fresh, filled[start - first : end - first] - fresh))
        self._known = torch.cat((self._known, both), dim=1)[:, -self._window :]
        self._separated = end
        self._crackles.append(torch.from_numpy(self._up.push(fresh.numpy())))
        return self._search(last=last)

    def _search(self, *, last: bool) -> list[Crackle]:
        """Crackles that were not reported yet and are known whole."""
        offset = (self._separated - self._known.shape[1]) / self.working_rate
        until = math.inf if last else self._separated / self.working_rate - _JUDGED
        found = find_crackles(self._known[0], self._known[1], rate=self.working_rate, settings=self.settings)
        moved = [replace(event, onset=event.onset + offset, peak=event.peak + offset) for event in found]
        fresh = [event for event in moved if self._reported <= event.peak < until]
        self._reported = max(self._reported, min(until, self._separated / self.working_rate))
        return fresh

    def _take(self, events: list[Crackle]) -> LivePart:
        count = min(len(self._recording), len(self._crackles))
        return LivePart(self._recording.take(count), self._crackles.take(count), tuple(events))
