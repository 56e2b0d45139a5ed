"""A part of a signal that comes in blocks: resample, separate window by window, resample back, sample for sample beside it."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from foreknow.files import StreamResampler
from foreknow.lung.overlap_add import OverlapAdd
from foreknow.lung.sample_queue import SampleQueue

Hear = Callable[[Tensor, Tensor], None]
"""Told a part and what it leaves, (n,) each, at the working rate, as they become known."""


class WindowSeparator(Protocol):
    """Takes a part out of windows.

    Attributes:
        window_samples: length of a window.
    """

    @property
    def window_samples(self) -> int: ...  # noqa: D102

    def separate(self, windows: Tensor) -> Tensor:
        """The part of windows, (batch, window_samples) to the same."""
        ...


class Windows(Protocol):
    """Cuts a signal into windows and joins what comes of them, as `OverlapAdd` and `SlidingWindow` do."""

    def push(self, block: Tensor) -> Tensor:
        """Give the next samples, (n,), and take the results that are known by now, (m,), float64."""
        ...

    def finish(self) -> Tensor:
        """End the signal and take the remaining results, (m,), float64."""
        ...


Cut = Callable[[Callable[[Tensor], Tensor]], Windows]
"""Makes windows for a process."""


def overlapping(separator: WindowSeparator, overlap: float, batch: int) -> Cut:
    """Windows of a separator that share a part, at most a half, with the next; so many of them at once."""
    window = separator.window_samples
    return lambda process: OverlapAdd(window, min(round(overlap * window), window // 2), process, batch)


class WindowStream:
    """Takes a part out of a signal of any length, in memory of the size of a batch of windows.

    The part comes out at the rate of the signal. It is sought at the working rate, so it holds no frequencies above half of it;
    everything above stays in the rest.

    Args:
        separator: what takes it out of windows.
        rate: sampling rate of the signal, hertz.
        working_rate: at which it is sought, hertz.
        cut: how the signal is cut into windows, for example `overlapping`.
        device: where they are separated.
        hear: told the part and the rest at the working rate.
    """

    def __init__(
        self,
        separator: WindowSeparator,
        rate: int,
        working_rate: int,
        *,
        cut: Cut,
        device: str | torch.device = "cpu",
        hear: Hear | None = None,
    ) -> None:
        self._separator = separator
        self._device = torch.device(device)
        self._hear = hear
        self._down, self._up = StreamResampler(rate, working_rate), StreamResampler(working_rate, rate)
        self._windows = cut(self._separate)
        self._working = SampleQueue()  # at the working rate, until its part is known
        self._signal = SampleQueue()  # at the rate of the signal, until its part is known
        self._part = SampleQueue()  # at the rate of the signal

    def push(self, block: Tensor) -> tuple[Tensor, Tensor]:
        """Give the next samples, (n,), float64; take the signal and its part as far as this is known by now, (m,) each, float64."""
        self._signal.append(block)
        self._work(torch.from_numpy(self._down.push(block.numpy())))
        count = min(len(self._signal), len(self._part))
        return self._signal.take(count), self._part.take(count)

    def finish(self) -> tuple[Tensor, Tensor]:
        """End the signal and take what remains, as `push` does."""
        self._work(torch.from_numpy(self._down.push(np.zeros(0), last=True)))
        self._give(self._windows.finish())
        self._part.append(torch.from_numpy(self._up.push(np.zeros(0), last=True)))
        count = len(self._signal)
        self._part.append(torch.zeros(max(0, count - len(self._part)), dtype=torch.float64))  # rounding of rates
        return self._signal.take(count), self._part.take(count)

    def _work(self, samples: Tensor) -> None:
        self._working.append(samples)
        self._give(self._windows.push(samples))

    def _give(self, part: Tensor) -> None:
        rest = self._working.take(part.shape[0]) - part
        if self._hear is not None:
            self._hear(part, rest)
        self._part.append(torch.from_numpy(self._up.push(part.numpy())))

    def _separate(self, windows: Tensor) -> Tensor:
        return self._separator.separate(windows.to(device=self._device, dtype=torch.float32))
