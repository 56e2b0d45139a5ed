"""The course of breathing, fitted to loudness: where breaths begin, and how loud they are when."""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foreknow.lung.simulate.breath import phase_shape

_CELLS = 40  # of a cycle, in the fit of its form
_ROUNDS = 4
_CYCLE_PENALTY = 20.0  # cost of a breath more, in frames
_LENGTH_WEIGHT = 15.0  # cost of a breath e times as long or as short as the middle of the range, in frames
_MARGIN = 0.25  # share of the recording that may lie before the first and after the last whole breath
_GAIN_SPREAD_DB = 3.5  # of breaths about their median
_STARTS = ((0.45, 0.45, -7.0, -14.0, 2.0), (0.40, 0.50, -3.0, -14.0, 2.0), (0.35, 0.40, -10.0, -18.0, 2.0))
_INSPIRATIONS = torch.arange(0.25, 0.66, 0.05, dtype=torch.float64)
_EXPIRATIONS = torch.arange(0.20, 0.71, 0.05, dtype=torch.float64)
_LEVELS = torch.arange(-18.0, 0.1, 1.5, dtype=torch.float64)
_BACKGROUNDS = torch.arange(-27.0, -3.9, 2.5, dtype=torch.float64)


@dataclass(frozen=True, slots=True)
class CycleForm:
    """One breath, as in `BreathSettings`.

    Attributes:
        inspiration: share of the cycle.
        expiration: share of the cycle.
        expiration_level_db: relative to inspiration.
        background_db: relative to inspiration.
        brightness_db: by how much inspiration has more high than low frequencies than expiration.
    """

    inspiration: float
    expiration: float
    expiration_level_db: float
    background_db: float
    brightness_db: float

    def loudness(self, place: Tensor) -> Tensor:
        """Level over the course 0..1 of a cycle, dB relative to the RMS of inspiration, same shape."""
        inspired = phase_shape(place / self.inspiration).square()
        expired = phase_shape((place - self.inspiration) / self.expiration).square() * 10 ** (self.expiration_level_db / 10)
        return 10 * torch.log10(inspired + expired + 10 ** (self.background_db / 10))

    def brightness(self, place: Tensor) -> Tensor:
        """Balance of high over low frequencies, dB, mean about 0."""
        return self.brightness_db * ((place < self.inspiration).to(place.dtype) - 0.5)


@dataclass(frozen=True, slots=True)
class CycleFit:
    """Breaths and their common form.

    Attributes:
        starts: frames at which breaths begin, and the one at which the last ends.
        gains: level of each breath, dB.
        form: of a breath.
        residual_db: standard deviation of the loudness about the form.
    """

    starts: tuple[int, ...]
    gains: tuple[float, ...]
    form: CycleForm
    residual_db: float


def fit_cycles(loudness: Tensor, brightness: Tensor, shortest: int, longest: int) -> CycleFit:
    """Fit the form of a breath and the frames at which breaths begin.

    In turn: the best division of the frames into breaths for a form, by dynamic programming; the best form for a division, by least
    squares over a grid. Inspiration is taken to be the louder or the brighter half.

    Args:
        loudness: (frames,) dB.
        brightness: (frames,) dB, high over low frequencies.
        shortest: frames of the shortest breath.
        longest: of the longest.
    """
    bright = (brightness - brightness.median()).clamp(-12, 12)
    found = []
    for start in _STARTS:
        form = CycleForm(*start)
        starts = _divide(loudness, bright, form, shortest, longest)
        for _ in range(_ROUNDS):
            before, form = form, _fit_form(loudness, bright, starts)
            if form == before:
                break
            starts = _divide(loudness, bright, form, shortest, longest)
        gains, residual, cost = _judge(loudness, bright, starts, form)
        found.append((cost, CycleFit(starts, gains, form, residual)))
    return min(found, key=lambda pair: pair[0])[1]


def _divide(loudness: Tensor, bright: Tensor, form: CycleForm, shortest: int, longest: int) -> tuple[int, ...]:
    """Frames at which breaths begin, by dynamic programming over all starts and lengths."""
    count = len(loudness)
    longest = min(longest, count)
    shortest = min(shortest, longest)
    usual, typical = float(loudness.quantile(0.6)), math.sqrt(shortest * longest)
    free = 0.4 * float(loudness.var()) + 4.0  # cost of a frame outside of whole breaths
    infinite = float("inf")
    cost = torch.full((longest + 1, count + 1), infinite, dtype=torch.float64)  # of a breath by length and end
    for length in range(shortest, longest + 1):
        place = (torch.arange(length, dtype=torch.float64) + 0.5) / length
        rest = loudness.unfold(0, length, 1) - form.loudness(place)
        gain = rest.mean(1)
        error = rest.square().sum(1) - length * gain.square()
        dull = bright.unfold(0, length, 1) - form.brightness(place)
        error = error + 0.5 * dull.square().sum(1)
        prior = ((gain - usual) / _GAIN_SPREAD_DB).square() + _CYCLE_PENALTY + _LENGTH_WEIGHT * math.log(length / typical) ** 2
        cost[length, length:] = error + free * prior
    most = min(longest, max(shortest, int(_MARGIN * count)))
    return _best_path(cost.numpy(), free, most)


def _best_path(cost: NDArray[np.float64], free: float, most: int) -> tuple[int, ...]:
    """The cheapest division into breaths, of whose ends at most so many frames may lie outside of it.

    Args:
        cost: of a breath by its length and its end, (lengths, frames + 1).
        free: cost of a frame outside.
        most: frames.
    """
    longest, count = cost.shape[0] - 1, cost.shape[1] - 1
    ends = np.arange(count + 1)
    best = np.where(ends < most, free * ends, np.inf)  # frames before the first breath
    back = np.zeros(count + 1, np.int64)
    for end in range(1, count + 1):
        reach = min(longest, end)
        total = cost[: reach + 1, end] + best[end - reach : end + 1][::-1]
        chosen = int(total.argmin())
        if total[chosen] < best[end]:
            best[end], back[end] = total[chosen], chosen
    after = best + free * (count - ends)
    after[(back == 0) | (ends <= count - most)] = np.inf
    path = [int(after.argmin()) if np.isfinite(after).any() else count]
    while back[path[-1]]:
        path.append(path[-1] - int(back[path[-1]]))
    return tuple(reversed(path)) if len(path) > 1 else (0, count)


def _cells(values: Tensor, starts: tuple[int, ...]) -> Tensor:
    """Every breath brought to the same length, (breaths, cells)."""
    rows = []
    for first, last in pairwise(starts):
        row = torch.nn.functional.interpolate(values[None, None, first:last], _CELLS, mode="linear", align_corners=False)
        rows.append(row[0, 0])
    return torch.stack(rows)


def _fit_form(loudness: Tensor, bright: Tensor, starts: tuple[int, ...]) -> CycleForm:
    """The form nearest to the mean breath."""
    cells = _cells(loudness, starts)
    profile = (cells - cells.mean(1, keepdim=True)).median(dim=0).values
    place = (torch.arange(_CELLS, dtype=torch.float64) + 0.5) / _CELLS
    grid = torch.cartesian_prod(_INSPIRATIONS, _EXPIRATIONS, _LEVELS, _BACKGROUNDS)
    grid = grid[grid[:, 0] + grid[:, 1] <= 1.0001]
    share, rest, level, background = grid.T[:, :, None]
    inspired = phase_shape(place / share).square()
    expired = phase_shape((place - share) / rest).square() * 10 ** (level / 10)
    forms = 10 * torch.log10(inspired + expired + 10 ** (background / 10))
    forms = forms - forms.mean(1, keepdim=True)
    best = int((forms - profile).square().sum(1).argmin())
    inspiration, expiration, loud, quiet = grid[best].tolist()
    form = CycleForm(inspiration, expiration, loud, quiet, 0.0)
    courses = _cells(bright, starts).median(dim=0).values
    inside = place < form.inspiration
    outside = (place > form.inspiration) & (place < form.inspiration + form.expiration)
    balance = float(courses[inside].mean() - courses[outside].mean())
    return replace(form, brightness_db=min(8.0, max(0.0, balance)))


def _judge(loudness: Tensor, bright: Tensor, starts: tuple[int, ...], form: CycleForm) -> tuple[tuple[float, ...], float, float]:
    """Gains of the breaths, residual, and cost a frame."""
    place = (torch.arange(_CELLS, dtype=torch.float64) + 0.5) / _CELLS
    rest = _cells(loudness, starts) - form.loudness(place)
    gains = rest.mean(1)
    dull = _cells(bright, starts) - form.brightness(place)
    variance = float((rest - gains[:, None]).square().mean())
    spread = float((gains - gains.median()).square().mean()) / _GAIN_SPREAD_DB**2
    frames = starts[-1] - starts[0]
    uncovered = 1.5 * (1 - frames / len(loudness))
    cost = (variance + 0.5 * float(dull.square().mean())) * (
        1 + uncovered + (len(gains) * (_CYCLE_PENALTY + spread)) / max(1, frames)
    )
    return tuple(gains.tolist()), variance**0.5, cost
