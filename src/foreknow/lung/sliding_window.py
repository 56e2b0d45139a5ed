"""A signal that is not over yet through a process that takes windows: they slide on by a little, each sample is given out once."""

from collections.abc import Callable

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.lung.overlap_add import mirror
from foreknow.lung.sample_queue import SampleQueue


class SlidingWindow:
    """Processes the newest window of a signal again and again; of each result only what lies ``ahead`` before its end is used.

    So every sample is judged with some seconds of past and a little future, and comes out ``hop + ahead`` samples later at most,
    where `foreknow.lung.overlap_add.OverlapAdd` waits for a whole window. Results of two windows are faded over into each other. At
    the start, windows are filled by the mirror image of what there is. However the signal is cut into blocks, the result is the
    same to the bit.

    Args:
        window: samples per window.
        hop: samples by which windows slide.
        ahead: samples of future that a sample is judged with.
        fade: samples over which two results are faded.
        process: from windows (1, window), float64, to results of the same shape.

    Raises:
        ParameterError: if ``hop`` and ``ahead`` are not positive, or do not fit into half a window.
    """

    def __init__(self, window: int, hop: int, ahead: int, fade: int, process: Callable[[Tensor], Tensor]) -> None:
        if hop < 1 or fade < 1 or ahead < fade or 2 * (hop + ahead) > window:
            message = (
                f"hop and ahead must be positive, ahead {fade} samples or more, both together at most half a window ({window // 2} "
                f"samples), not {hop} and {ahead}"
            )
            raise ParameterError(message)
        self._window, self._hop, self._ahead, self._fade = window, hop, ahead, fade
        self._process = process
        self._past = torch.zeros(0, dtype=torch.float64)  # the newest samples, a window at most
        self._received = 0
        self._given = 0
        self._next = torch.zeros(0, dtype=torch.float64)  # last estimate of what comes next, to fade from
        self._waiting = SampleQueue()  # less than a hop

    def push(self, block: Tensor) -> Tensor:
        """Give the next samples, (n,), and take the results that are known by now, (m,), float64."""
        self._waiting.append(block)
        ready = []
        while len(self._waiting) >= (missing := self._given + self._hop + self._ahead - self._received):
            self._receive(self._waiting.take(missing))
            ready.append(self._advance(self._given + self._hop))
        return torch.cat(ready) if ready else torch.zeros(0, dtype=torch.float64)

    def finish(self) -> Tensor:
        """End the signal and take the remaining results, (m,); in total there are as many as samples were given."""
        self._receive(self._waiting.take(len(self._waiting)))
        return self._advance(self._received) if self._received > self._given else torch.zeros(0, dtype=torch.float64)

    def _receive(self, samples: Tensor) -> None:
        self._past = torch.cat((self._past, samples.to(torch.float64)))[-self._window :]
        self._received += samples.shape[0]

    def _advance(self, end: int) -> Tensor:
        filled = mirror(self._past, self._window - self._past.shape[0], 0)
        result = self._process(filled[None])[0].to(device="cpu", dtype=torch.float64)
        first, start = self._received - self._window, self._given
        fresh = result[start - first : end - first].clone()
        faded = min(self._next.shape[0], fresh.shape[0])
        rise = (torch.arange(faded, dtype=torch.float64) + 0.5) / max(1, faded)
        fresh[:faded] = rise * fresh[:faded] + (1 - rise) * self._next[:faded]
        self._next = result[end - first : end - first + self._fade]
        self._given = end
        return fresh
