"""The nuisance of a recording that comes in blocks, sample for sample beside it; what is left goes on to crackles and wheezes."""

import torch
from torch import Tensor

from foreknow.lung.nuisance import NuisanceSeparator
from foreknow.lung.window_stream import WindowStream, overlapping

_OVERLAP = 0.125
_BATCH = 2


class NuisanceStream(WindowStream):
    """Separates the nuisance of a recording of any length in bounded memory.

    Args:
        rate: sampling rate of the recording, hertz.
        highest: working rate at most, hertz; above half of it everything stays in the recording.
        device: where to compute.
    """

    def __init__(self, rate: int, highest: int = 4000, device: str | torch.device = "cpu") -> None:
        working_rate = min(rate, highest)
        separator = NuisanceSeparator(working_rate)
        super().__init__(separator, rate, working_rate, cut=overlapping(separator, _OVERLAP, _BATCH), device=device)


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
