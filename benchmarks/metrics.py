"""How separations and detections are scored.

**Time of a crackle**: the instant of its largest absolute deflection, for the truth and for every method alike. A method
may be late or early by a constant (the delay of a filter): that constant is measured on training seeds and subtracted
(`constant_offset`), and reported.

**Clicks** are matched one to one within a tolerance of +-5 ms, so that a click found twice counts once as found and once as false.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmarks.table import Estimate

Item = TypeVar("Item")
TOLERANCE = 0.005  # seconds


def si_sdr(estimate: ArrayLike, reference: ArrayLike) -> float:
    """Scale-invariant signal-to-distortion ratio in dB, 10 log10 |a s|^2 / |a s - e|^2 with a = <e, s> / <s, s>.

    The mean is not removed (crackles have none, and a constant in the estimate is an error). An estimate of nothing, or one
    orthogonal to the reference, scores -inf; a perfect one +inf.

    Source: Le Roux et al., "SDR - half-baked or well done?", ICASSP 2019.

    Raises:
        ValueError: if the reference is silent or the lengths differ.
    """
    e, s = _pair(estimate, reference)
    target = (e @ s) / (s @ s) * s
    return _ratio_db(target, e - target)


def snr(estimate: ArrayLike, reference: ArrayLike) -> float:
    """Plain signal-to-noise ratio in dB, 10 log10 |s|^2 / |s - e|^2: a wrong scale is an error, an empty estimate scores 0."""
    e, s = _pair(estimate, reference)
    return _ratio_db(s, s - e)


def snr_improvement(estimate: ArrayLike, reference: ArrayLike, mixture: ArrayLike) -> float:
    """By how many dB the estimate is closer to the reference than the mixture was."""
    return snr(estimate, reference) - snr(mixture, reference)


def _pair(estimate: ArrayLike, reference: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    e, s = np.asarray(estimate, np.float64), np.asarray(reference, np.float64)
    if e.shape != s.shape or e.ndim != 1:
        message = f"estimate {e.shape} and reference {s.shape} must be signals of one length"
        raise ValueError(message)
    if not s.any():
        message = "the reference is silent: no ratio to it exists"
        raise ValueError(message)
    return e, s


def _ratio_db(signal: NDArray[np.float64], noise: NDArray[np.float64]) -> float:
    s, n = float(signal @ signal), float(noise @ noise)
    if s == 0:
        return -math.inf
    return math.inf if n <= s * 1e-30 else 10 * math.log10(s / n)


@dataclass(frozen=True, slots=True)
class Counts:
    """Outcome of matching detected clicks to true ones; counts of several recordings add up.

    Attributes:
        found: true clicks that were detected.
        missed: true clicks that were not.
        false: detections that belong to no true click.
    """

    found: int
    missed: int
    false: int

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.found + other.found, self.missed + other.missed, self.false + other.false)

    @property
    def precision(self) -> float:
        """Share of the detections that are right; 1 where nothing was detected."""
        detected = self.found + self.false
        return self.found / detected if detected else 1.0

    @property
    def recall(self) -> float:
        """Share of the true clicks that were found; 1 where there was nothing to find."""
        true = self.found + self.missed
        return self.found / true if true else 1.0

    @property
    def f1(self) -> float:
        """2 found / (2 found + missed + false); 1 where there was nothing to find and nothing was detected."""
        total = 2 * self.found + self.missed + self.false
        return 2 * self.found / total if total else 1.0


def match_clicks(detected: ArrayLike, true: ArrayLike, tolerance: float = TOLERANCE) -> list[tuple[int, int]]:
    """Largest one-to-one matching of detections to true clicks at most ``tolerance`` apart, as pairs of indices (detection, click).

    Greedy in time order: of the earliest open detection d and click t, take the pair if it fits; otherwise the earlier one of
    the two can fit nothing that is still to come and is dropped. That loses nothing: if a largest matching pairs d with t' and t
    with d' (both later), then |d' - t'| <= max(|d - t'|, |d' - t|) <= tolerance, so (d, t), (d', t') is as large; if it uses only
    one of d and t, exchange the partner of that one. Tested against an optimal assignment.

    Returns:
        Pairs in time order; indices refer to the order given.
    """
    d, t = np.asarray(detected, np.float64).ravel(), np.asarray(true, np.float64).ravel()
    order_d, order_t = np.argsort(d, kind="stable"), np.argsort(t, kind="stable")
    pairs, i, j = [], 0, 0
    while i < len(d) and j < len(t):
        gap = d[order_d[i]] - t[order_t[j]]
        if abs(gap) <= tolerance:
            pairs.append((int(order_d[i]), int(order_t[j])))
            i, j = i + 1, j + 1
        elif gap < 0:
            i += 1
        else:
            j += 1
    return pairs


def count_clicks(detected: ArrayLike, true: ArrayLike, tolerance: float = TOLERANCE) -> Counts:
    """Found, missed and false clicks of one recording."""
    found = len(match_clicks(detected, true, tolerance))
    return Counts(found, np.asarray(true).size - found, np.asarray(detected).size - found)


def constant_offset(detected: Sequence[ArrayLike], true: Sequence[ArrayLike], reach: float = 0.015) -> float:
    """Median of detection minus click over the pairs of several recordings that match within ``reach``; 0 where nothing matches."""
    gaps = [
        float(np.ravel(d)[i] - np.ravel(t)[j])
        for d, t in zip(detected, true, strict=True)
        for i, j in match_clicks(d, t, tolerance=reach)
    ]
    return float(np.median(gaps)) if gaps else 0.0


def bootstrap(
    items: Sequence[Item], statistic: Callable[[Sequence[Item]], float], *, level: float = 0.95, draws: int = 2000, digits: int = 2
) -> Estimate:
    """A statistic of recordings with its percentile bootstrap interval: whole recordings are drawn with replacement.

    The seed is fixed, so that two methods on the same recordings see the same draws.

    Args:
        items: one for each recording.
        statistic: of a sequence of items.
        level: of confidence.
        draws: number of bootstrap samples.
        digits: for showing.
    """
    generator = np.random.default_rng(20240501)
    values = [statistic([items[k] for k in generator.integers(len(items), size=len(items))]) for _ in range(draws)]
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(statistic(items), float(low), float(high), digits)


def pooled_f1(counts: Sequence[Counts]) -> float:
    """F1 of the summed counts."""
    return sum(counts, Counts(0, 0, 0)).f1
