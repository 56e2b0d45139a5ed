"""All of a recording divided into breaths of a known form, those at its ends cut off: dynamic programming with free gains."""

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import torch
from torch import Tensor

from foreknow.lung.simulate.fit_cycle import CycleFit

_GAIN_SPREAD_DB = 3.5  # of breaths about the median
_LENGTH_SPREAD = 0.25  # of the logarithm of lengths about that of the median
_BREATH_COST = 1.0  # of a breath more
_LEAST_ERROR_DB = 1.5  # of loudness about a breath's form
_CORRELATED = 3.0  # frames overlap and loudness is smooth: so many count as one


@dataclass(frozen=True, slots=True)
class Division:
    """Where breaths begin.

    Attributes:
        starts: frames, ascending, at which breaths begin, and the one at which the last ends; the first may lie before the
            recording (negative), the last behind it.
        explained: share of the variance of loudness that the breaths explain, 0 to 1.
    """

    starts: tuple[int, ...]
    explained: float


def divide_breaths(loudness: Tensor, fit: CycleFit, shortest: int, longest: int, *, open_start: bool = True) -> Division:
    """Divide all frames, where `fit_cycles` takes only those breaths that are easily told.

    Breaths have the form and about the length of the fit, each its own gain. What of a breath lies outside of the recording is
    unknown and costs nothing.

    Args:
        loudness: (frames,) dB.
        fit: the form of a breath, and breaths that have it.
        shortest: frames of the shortest breath.
        longest: of the longest.
        open_start: whether the first breath may begin before the recording; otherwise one begins with it.
    """
    count, longest = len(loudness), min(longest, max(shortest, len(loudness)))
    before = longest if open_start else 0
    padded = torch.nn.functional.pad(loudness, (before, longest))
    known = torch.nn.functional.pad(torch.ones_like(loudness), (before, longest))
    usual = median(fit.gains)
    typical = median(last - first for first, last in pairwise(fit.starts))
    scale = _CORRELATED * max(fit.residual_db, _LEAST_ERROR_DB) ** 2
    total = len(padded)
    cost = torch.full((longest + 1, total + 1), math.inf, dtype=torch.float64)
    for length in range(shortest, longest + 1):
        error, gain, number = _misfit(padded.unfold(0, length, 1), known.unfold(0, length, 1), fit)
        prior = ((gain - usual) / _GAIN_SPREAD_DB).square() * (number > 0)
        prior = prior + (math.log(length / typical) / _LENGTH_SPREAD) ** 2 + _BREATH_COST
        cost[length, length:] = error / scale + prior
    best = torch.full((total + 1,), math.inf, dtype=torch.float64)
    best[: before + 1] = 0.0
    back = torch.zeros(total + 1, dtype=torch.long)
    lengths = torch.arange(longest + 1)
    for end in range(before + 1, total + 1):
        reach = min(longest, end)
        value, chosen = (cost[: reach + 1, end] + best[end - lengths[: reach + 1]]).min(dim=0)
        best[end], back[end] = value, chosen
    place = before + count + int(best[before + count :].argmin())
    path = [place]
    while path[-1] > before and int(back[path[-1]]):
        path.append(path[-1] - int(back[path[-1]]))
    starts = tuple(frame - before for frame in reversed(path))
    rest = sum(float(_misfit(*_piece(padded, known, first + before, last + before), fit)[0]) for first, last in pairwise(starts))
    variance = count * float(loudness.var(correction=0))
    return Division(starts, max(0.0, 1 - rest / variance) if variance > 0 else 0.0)


def _piece(padded: Tensor, known: Tensor, first: int, last: int) -> tuple[Tensor, Tensor]:
    return padded[None, first:last], known[None, first:last]


def _misfit(pieces: Tensor, known: Tensor, fit: CycleFit) -> tuple[Tensor, Tensor, Tensor]:
    """Squared error of pieces (places, length) about the form with the best gain, that gain, and how many frames are known."""
    length = pieces.shape[-1]
    place = (torch.arange(length, dtype=torch.float64) + 0.5) / length
    rest = pieces - fit.form.loudness(place)
    number = known.sum(-1)
    gain = (known * rest).sum(-1) / number.clamp(min=1)
    return (known * (rest - gain[:, None]).square()).sum(-1), gain, number
