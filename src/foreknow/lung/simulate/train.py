"""A train of short pulses at times that need not fall on samples, without a loop over samples or pulses."""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def add_pulses(form: Callable[[Tensor], Tensor], onsets: Tensor, longest: float, count: int, rate: int) -> Tensor:
    """The sum of pulses, each evaluated at the exact times of the samples after its onset.

    Args:
        form: maps times since each pulse's onset in seconds, (pulses, samples of one pulse), to values of the same shape.
        onsets: seconds, (pulses,) float64; parts of pulses outside the signal are left out.
        longest: seconds after which every pulse is over.
        count: samples of the signal.
        rate: hertz.

    Returns:
        (count,) float64.
    """
    train = torch.zeros(count, dtype=torch.float64)
    if not onsets.numel():
        return train
    first = torch.ceil(onsets * rate)
    offsets = torch.arange(math.ceil(longest * rate) + 1, dtype=torch.float64)
    places = first[:, None] + offsets
    values = form(places / rate - onsets[:, None])
    inside = (places >= 0) & (places < count)
    return train.index_add(0, places[inside].long(), values[inside])
