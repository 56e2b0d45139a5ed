"""The nuisance of a recording that comes in blocks, sample for sample beside it; what is left goes on to crackles and wheezes."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foreknow.files import StreamResampler
from foreknow.lung.nuisance import NuisanceSeparator
from foreknow.lung.overlap_add import OverlapAdd
from foreknow.lung.sample_queue import SampleQueue

_OVERLAP = 0.125
_BATCH = 2


class NuisanceStream:
    """Separates the nuisance of a recording of any length in bounded memory.

    Args:
        rate: sampling rate of the recording, hertz.
        highest: working rate at most, hertz; above half of it everything stays in the recording.
        device: where to compute.
    """

    def __init__(self, rate: int, highest: int = 4000, device: str | torch.device = "cpu") -> None:
        working_rate = min(rate, highest)
        self.separator = NuisanceSeparator(working_rate)
        self._device = torch.device(device)
        self._down, self._up = StreamResampler(rate, working_rate), StreamResampler(working_rate, rate)
        window = self.separator.window_samples
        self._overlap_add = OverlapAdd(window, round(_OVERLAP * window), self._separate, _BATCH)
        self._recording = SampleQueue()
        self._nuisance = SampleQueue()

    def push(self, block: Tensor) -> tuple[Tensor, Tensor]:
        """Give the next samples, (n,), float64; take recording and nuisance as far as known, (m,) each, float64."""
        self._recording.append(block)
        self._work(self._down.push(block.numpy()))
        count = min(len(self._recording), len(self._nuisance))
        return self._recording.take(count), self._nuisance.take(count)

    def finish(self) -> tuple[Tensor, Tensor]:
        """End the recording and take what remains, as `push` does."""
        self._work(self._down.push(np.zeros(0), last=True))
        self._nuisance.append(torch.from_numpy(self._up.push(self._overlap_add.finish().numpy(), last=True)))
        count = len(self._recording)
        self._nuisance.append(torch.zeros(max(0, count - len(self._nuisance)), dtype=torch.float64))  # rounding of rates
        return self._recording.take(count), self._nuisance.take(count)

    def _work(self, signal: NDArray[np.float64]) -> None:
        nuisance = self._overlap_add.push(torch.from_numpy(signal))
        self._nuisance.append(torch.from_numpy(self._up.push(nuisance.numpy())))

    def _separate(self, windows: Tensor) -> Tensor:
        return self.separator.separate(windows.to(device=self._device, dtype=torch.float32))


def separate_nuisance(recording: Tensor, rate: int) -> tuple[Tensor, Tensor]:
    """A recording in what may be lung sound and what is not; the two sum to it.

    Args:
        recording: (n,), floating point.
        rate: hertz.

    Returns:
        The rest and the nuisance, (n,) each, of the dtype of the recording.
    """
    stream = NuisanceStream(rate)
    first, last = stream.push(recording.detach().cpu().to(torch.float64))[1], stream.finish()[1]
    nuisance = torch.cat((first, last)).to(recording.dtype)
    return recording.detach().cpu() - nuisance, nuisance
