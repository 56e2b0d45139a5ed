"""The wheeze part of a recording without crackles that comes in blocks: as `CrackleStream`, one sound further."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foreknow.files import StreamResampler
from foreknow.lung.overlap_add import OverlapAdd
from foreknow.lung.respiration import Respiration, RespirationMeter
from foreknow.lung.sample_queue import SampleQueue
from foreknow.lung.wheeze_event_stream import WheezeEventStream
from foreknow.lung.wheeze_separators import wheeze_separator
from foreknow.lung.wheeze_settings import WheezeSettings
from foreknow.lung.wheezes import Wheeze

BATCH = 2  # windows per solve: about 14 s of signal at the default window


class WheezeStream:
    """Separates the wheezes of a signal of any length in memory of the size of a batch of windows and a minute of events.

    Args:
        settings: how to separate.
        rate: sampling rate of the signal, hertz.
        highest: working rate at most, hertz.
        device: where windows are solved.

    Attributes:
        separator: what separates the windows.
        events: the wheezes found, in order of onset; complete after `finish`.
        respiration: breaths of what is left, which wheezes do not drown; complete after `finish`.
    """

    def __init__(self, settings: WheezeSettings, rate: int, highest: int, device: str | torch.device = "cpu") -> None:
        working_rate = min(rate, highest)
        self.separator = wheeze_separator(settings, working_rate)
        self.separator.model.to(torch.device(device))
        self.events: tuple[Wheeze, ...] = ()
        self.respiration = Respiration()
        self._device = torch.device(device)
        self._down = StreamResampler(rate, working_rate)
        self._up = StreamResampler(working_rate, rate)
        window = self.separator.window_samples
        self._overlap_add = OverlapAdd(window, round(settings.overlap * window), self._separate, BATCH)
        self._search = WheezeEventStream(settings, working_rate)
        self._breaths = RespirationMeter(working_rate)
        self._signal = SampleQueue()  # at the working rate, until its wheezes are known
        self._input = SampleQueue()  # at the rate of the signal, until its wheezes are known
        self._wheezes = SampleQueue()  # at the rate of the signal

    def push(self, block: Tensor) -> tuple[Tensor, Tensor]:
        """Give the next samples, (n,), float64; take the signal and its wheezes as far as known, (m,) each, float64."""
        self._input.append(block)
        self._work(self._down.push(block.numpy()))
        count = min(len(self._input), len(self._wheezes))
        return self._input.take(count), self._wheezes.take(count)

    def finish(self) -> tuple[Tensor, Tensor]:
        """End the signal and take what remains, as `push` does; fills `events` and `respiration`."""
        self._work(self._down.push(np.zeros(0), last=True))
        self._give(self._overlap_add.finish())
        self._wheezes.append(torch.from_numpy(self._up.push(np.zeros(0), last=True)))
        self.events = self._search.finish()
        self.respiration = self._breaths.finish()
        count = len(self._input)
        self._wheezes.append(torch.zeros(max(0, count - len(self._wheezes)), dtype=torch.float64))  # rounding of rates
        return self._input.take(count), self._wheezes.take(count)

    def _work(self, signal: NDArray[np.float64]) -> None:
        samples = torch.from_numpy(signal)
        self._signal.append(samples)
        self._give(self._overlap_add.push(samples))

    def _give(self, wheezes: Tensor) -> None:
        breath = self._signal.take(wheezes.shape[0]) - wheezes
        self._search.push(wheezes, breath)
        self._breaths.push(breath)
        self._wheezes.append(torch.from_numpy(self._up.push(wheezes.numpy())))

    def _separate(self, windows: Tensor) -> Tensor:
        return self.separator.separate(windows.to(device=self._device, dtype=torch.float32))
