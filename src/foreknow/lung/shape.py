"""The shape of one crackle: its deflections and their widths, as Murphy, Hoevers and Loudon measured them by eye."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_FAINT = 0.12  # a deflection of less than this share of the largest one is not part of the crackle
_BEFORE = 2  # deflections before the largest one, at most


@dataclass(frozen=True)
class CrackleShape:
    """Where the deflections of a crackle begin and end, in samples (fractions by straight lines between samples).

    Attributes:
        start: of the initial deflection.
        end: of the second cycle, which is the fourth deflection.
        initial_width: of the initial deflection (IDW).
        largest_width: of the largest deflection (LDW).
        polarity: sign of the initial deflection, +1 or -1.
    """

    start: float
    end: float
    initial_width: float
    largest_width: float
    polarity: int


def two_cycles(samples: NDArray[np.float64], peak: int) -> CrackleShape:
    """Measure the crackle whose largest deflection is at an index.

    Deflections end where the signal crosses zero or falls below 12 % of the largest one for good. The initial deflection is the
    first of at most two before the largest one that are not faint. Where the signal ends before the second cycle does, so does the
    crackle.

    Source: A. P. Vyshedskiy et al., "Mechanism of inspiratory and expiratory crackles", Chest 135 (2009), figure 1, for the terms.

    Args:
        samples: a signal that is the crackle and next to nothing around it, (n,).
        peak: index of its largest deflection.
    """
    faint = _FAINT * abs(samples[peak])
    bounds = [_edge(samples, peak, -1, faint), _edge(samples, peak, 1, faint)]  # of the deflections from first to last
    largest_width = bounds[1].place - bounds[0].place
    while len(bounds) <= _BEFORE + 1 and bounds[0].crossing and (edge := _next(samples, bounds[0], -1, faint)) is not None:
        bounds.insert(0, edge)
    while len(bounds) < 5 and bounds[-1].crossing and (edge := _next(samples, bounds[-1], 1, faint)) is not None:
        bounds.append(edge)
    first = 0.5 * (bounds[0].place + bounds[1].place)
    sign = 1 if samples[int(np.clip(round(first), 0, len(samples) - 1))] >= 0 else -1
    return CrackleShape(bounds[0].place, bounds[-1].place, bounds[1].place - bounds[0].place, largest_width, sign)


@dataclass(frozen=True)
class _Edge:
    """End of a deflection: where, the first sample beyond, and whether another deflection follows at once."""

    place: float
    beyond: int
    crossing: bool


def _edge(samples: NDArray[np.float64], inside: int, step: int, faint: float) -> _Edge:
    """Walk from a sample in a deflection to its end."""
    sign, index = np.sign(samples[inside]), inside
    while 0 <= index + step < len(samples) and samples[index + step] * sign > 0:
        index += step
    beyond = index + step
    if not 0 <= beyond < len(samples):
        return _Edge(float(index), index, crossing=False)
    here, there = abs(samples[index]), abs(samples[beyond])
    place = index + step * here / (here + there)
    tail = index  # a long flat tail belongs to nothing: the deflection ends where it becomes faint
    while tail != inside and abs(samples[tail]) < 0.25 * faint:
        tail -= step
    if abs(index - tail) > 3:
        return _Edge(float(tail + step), tail + step, crossing=False)
    return _Edge(float(place), beyond, crossing=bool(there > 0))


def _next(samples: NDArray[np.float64], edge: _Edge, step: int, faint: float) -> _Edge | None:
    """The far end of the deflection behind an edge; None if that deflection is faint."""
    far = _edge(samples, edge.beyond, step, faint)
    start, stop = sorted((edge.beyond, int(np.clip(round(far.place), 0, len(samples) - 1))))
    return far if np.max(np.abs(samples[start : stop + 1])) >= faint else None
