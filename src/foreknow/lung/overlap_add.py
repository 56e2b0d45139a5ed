"""A signal of any length through a process that takes windows: overlapping windows, cross-faded, in bounded memory."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.lung.sample_queue import SampleQueue


class OverlapAdd:
    r"""Cuts a signal that comes in blocks into overlapping windows, processes them in batches and adds the results up again.

    Window j starts at sample j (window - overlap). Results are faded over into each other: the fade-in sin^2 and the fade-out
    cos^2 sum to one, so a process that changes nothing gives the signal back. At both ends the signal is continued by its mirror
    image, so that every sample lies where a window is whole, and signals shorter than a window need no special care.

    The windows and their batches depend on the signal alone: however it is cut into blocks, the result is the same to the bit.

    Example:
        >>> import torch
        >>> halves = OverlapAdd(window=8, overlap=2, process=lambda windows: windows / 2)
        >>> torch.cat([halves.push(torch.ones(7)), halves.push(torch.ones(5)), halves.finish()])
        tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000,
                0.5000, 0.5000, 0.5000], dtype=torch.float64)

    Args:
        window: samples per window.
        overlap: samples that a window shares with the next, at most half a window.
        process: from windows (batch, window), float64, to results of the same shape.
        batch: how many windows are processed at once.

    Raises:
        ParameterError: if a number is outside its range.
    """

    def __init__(self, window: int, overlap: int, process: Callable[[Tensor], Tensor], batch: int = 16) -> None:
        if window < 1 or not 0 <= 2 * overlap <= window or batch < 1:
            message = f"windows need 0 <= 2 overlap <= window and batch >= 1, not overlap {overlap}, window {window}, batch {batch}"
            raise ParameterError(message)
        self._window = window
        self._overlap = overlap
        self._hop = window - overlap
        self._process = process
        self._batch = batch
        fade = torch.sin(0.5 * math.pi * (torch.arange(overlap, dtype=torch.float64) + 0.5) / max(overlap, 1)).square()
        self._taper = torch.cat((fade, torch.ones(window - 2 * overlap, dtype=torch.float64), 1.0 - fade))
        self._input = SampleQueue()  # from the start of the next window on, in the mirrored signal
        self._tail = torch.zeros(0, dtype=torch.float64)  # the last samples received, to mirror the end
        self._windows: list[Tensor] = []
        self._fading = torch.zeros(overlap, dtype=torch.float64)  # what the last window leaves to be added to the next
        self._skip = overlap  # mirrored samples at the start that are not given out
        self._started = False
        self._received = 0
        self._given = 0

    def push(self, block: Tensor) -> Tensor:
        """Give the next samples, (n,), and take the results that are complete by now, (m,), float64."""
        block = block.to(torch.float64)
        self._received += block.shape[0]
        self._tail = torch.cat((self._tail, block))[-self._window :].clone()
        self._input.append(block)
        if not self._started:
            if len(self._input) <= self._overlap:
                return torch.zeros(0, dtype=torch.float64)
            self._mirror_start()
        return self._run(flush=False)

    def finish(self) -> Tensor:
        """End the signal and take the remaining results, (m,); in total there are as many as samples were given."""
        if not self._received:
            return torch.zeros(0, dtype=torch.float64)
        if not self._started:
            self._mirror_start()
        count = -(-(self._received + self._overlap) // self._hop)
        self._input.append(mirror(self._tail, 0, count * self._hop - self._received)[self._tail.shape[0] :])
        return self._run(flush=True)[: self._received - self._given]

    def _mirror_start(self) -> None:
        signal = self._input.take(len(self._input))
        self._input.append(mirror(signal, self._overlap, 0))
        self._started = True

    def _run(self, *, flush: bool) -> Tensor:
        ready = []
        while len(self._input) >= self._window:
            self._windows.append(self._input.peek(self._window))
            self._input.take(self._hop)
            if len(self._windows) == self._batch:
                ready.append(self._add_up())
        if flush and self._windows:
            ready.append(self._add_up())
        joined = torch.cat(ready) if ready else torch.zeros(0, dtype=torch.float64)
        skipped = min(self._skip, joined.shape[0])
        self._skip -= skipped
        if not flush:
            self._given += joined.shape[0] - skipped
        return joined[skipped:]

    def _add_up(self) -> Tensor:
        results = self._process(torch.stack(self._windows)).to(device="cpu", dtype=torch.float64) * self._taper
        self._windows.clear()
        results[0, : self._overlap] += self._fading
        results[1:, : self._overlap] += results[:-1, self._hop :]
        self._fading = results[-1, self._hop :].clone()
        return results[:, : self._hop].reshape(-1)


def mirror(signal: Tensor, before: int, after: int) -> Tensor:
    """The signal continued by its mirror images at both ends, (before + n + after,); the end samples are not repeated.

    Args:
        signal: (n,), n >= 1.
        before: samples to add at the start; may be larger than n.
        after: samples to add at the end; may be larger than n.
    """
    count = signal.shape[0]
    period = max(2 * (count - 1), 1)
    index = torch.arange(-before, count + after) % period
    return signal[torch.where(index < count, index, period - index)]
