"""The crackle part of a recording that comes in blocks: resample, separate window by window, resample back, find the events."""

from functools import partial

import numpy as np
import torch
from torch import Tensor

from foreknow.files import StreamResampler
from foreknow.lung.event_stream import EventStream
from foreknow.lung.events import Crackle, find_crackles
from foreknow.lung.overlap_add import OverlapAdd
from foreknow.lung.respiration import Respiration, RespirationMeter
from foreknow.lung.sample_queue import SampleQueue
from foreknow.lung.separators import crackle_separator
from foreknow.lung.settings import SeparationSettings

BATCH = 4  # windows per solve: about 12 s of signal at the default window; more are no faster on a CPU


class CrackleStream:
    """Separates a recording of any length in memory of the size of a batch of windows.

    The crackles come out at the rate of the recording, sample for sample beside it. They are sought at the working rate, so they
    hold no frequencies above half of it; everything above stays in the breath sound.

    Args:
        settings: how to separate.
        rate: sampling rate of the recording, hertz.
        device: where windows are solved, such as ``"cpu"`` or ``"cuda"``.

    Attributes:
        separator: what separates the windows.
        working_rate: the sampling rate at which it does, hertz.
        events: the crackles found, in order of time; complete after `finish`.
        respiration: breaths of the breath sound; complete after `finish`.
    """

    def __init__(self, settings: SeparationSettings, rate: int, device: str | torch.device = "cpu") -> None:
        self.working_rate = min(rate, settings.rate)
        self.separator = crackle_separator(settings, self.working_rate)
        self.separator.model.to(torch.device(device))
        self.events: tuple[Crackle, ...] = ()
        self.respiration = Respiration()
        self._device = torch.device(device)
        self._down = StreamResampler(rate, self.working_rate)
        self._up = StreamResampler(self.working_rate, rate)
        window = self.separator.window_samples
        self._overlap_add = OverlapAdd(window, min(round(settings.overlap * window), window // 2), self._separate, BATCH)
        self._search = EventStream(partial(find_crackles, rate=self.working_rate, settings=settings), self.working_rate)
        self._respiration = RespirationMeter(self.working_rate)
        self._signal = SampleQueue()  # at the working rate, until its crackles are known
        self._recording = SampleQueue()  # at the recording's rate, until its crackles are known
        self._crackles = SampleQueue()  # at the recording's rate

    def push(self, block: Tensor) -> tuple[Tensor, Tensor]:
        """Give the next samples of the recording, (n,), float64, full scale 1.

        Returns:
            The recording and its crackles as far as these are known by now, (m,) each, float64.
        """
        self._recording.append(block)
        self._work(self._down.push(block.numpy()))
        count = min(len(self._recording), len(self._crackles))
        return self._recording.take(count), self._crackles.take(count)

    def finish(self) -> tuple[Tensor, Tensor]:
        """End the recording and take what remains, as `push` does; fills `events` and `respiration`."""
        self._work(self._down.push(np.zeros(0), last=True))
        self._give(self._overlap_add.finish())
        self._crackles.append(torch.from_numpy(self._up.push(np.zeros(0), last=True)))
        self.events = self._search.finish()
        self.respiration = self._respiration.finish()
        count = len(self._recording)
        self._crackles.append(torch.zeros(max(0, count - len(self._crackles)), dtype=torch.float64))  # rounding of rates
        return self._recording.take(count), self._crackles.take(count)

    def _work(self, signal: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
        samples = torch.from_numpy(signal)
        self._signal.append(samples)
        self._give(self._overlap_add.push(samples))

    def _give(self, crackles: Tensor) -> None:
        breath = self._signal.take(crackles.shape[0]) - crackles
        self._search.push(crackles, breath)
        self._respiration.push(breath)
        self._crackles.append(torch.from_numpy(self._up.push(crackles.numpy())))

    def _separate(self, windows: Tensor) -> Tensor:
        return self.separator.separate(windows.to(device=self._device, dtype=torch.float32))
