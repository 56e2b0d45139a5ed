"""How well swallows were counted: events matched one to one, counts, agreement on the cut-off."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment


@dataclass(frozen=True)
class EventScore:
    """Matched events of one or many trials.

    Attributes:
        hits: found events that are true.
        extra: found events that are not.
        missed: true events that were not found.
    """

    hits: int
    extra: int
    missed: int

    def __add__(self, other: "EventScore") -> "EventScore":
        return EventScore(self.hits + other.hits, self.extra + other.extra, self.missed + other.missed)

    @property
    def precision(self) -> float:
        """Share of found events that are true; 1 if none was found."""
        return self.hits / max(1, self.hits + self.extra) if self.hits + self.extra else 1.0

    @property
    def recall(self) -> float:
        """Share of true events that were found; 1 if there are none."""
        return self.hits / max(1, self.hits + self.missed) if self.hits + self.missed else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of the two; 1 if there is nothing to find and nothing was found."""
        total = 2 * self.hits + self.extra + self.missed
        return 2 * self.hits / total if total else 1.0


def match_events(found: Sequence[float], true: Sequence[float], tolerance: float = 0.5) -> EventScore:
    """Match peaks (seconds) one to one within ``tolerance``: as many as possible, and of these the nearest."""
    if not found or not true:
        return EventScore(0, len(found), len(true))
    distance = np.abs(np.subtract.outer(np.asarray(found, float), np.asarray(true, float)))
    cost = np.where(distance <= tolerance, distance, 1e3)
    rows, columns = linear_sum_assignment(cost)
    hits = int((distance[rows, columns] <= tolerance).sum())
    return EventScore(hits, len(found) - hits, len(true) - hits)


def cohen_kappa(one: Sequence[bool], other: Sequence[bool]) -> float:
    """Agreement of two judges beyond chance (Cohen 1960); 1 if both say the same of all, also where all are alike."""
    a, b = np.asarray(one, bool), np.asarray(other, bool)
    agree = float((a == b).mean())
    chance = float(a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean()))
    return 1.0 if chance == 1.0 else (agree - chance) / (1 - chance)
