"""Timing several callables fairly: interleaved repetitions in one process on one thread, medians and ratios."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Timing:
    """Wall-clock seconds of one callable.

    Attributes:
        seconds: of each counted repetition, in order.
        ratio: median of the quotients to the first callable within a repetition (1 for the first).
    """

    seconds: tuple[float, ...]
    ratio: float

    @property
    def median(self) -> float:
        """Median seconds."""
        return statistics.median(self.seconds)


def time_interleaved(
    candidates: Mapping[str, Callable[[], object]], *, repetitions: int = 7, warm_up: int = 1, budget: float = float("inf")
) -> dict[str, Timing]:
    """Time callables in turn: each repetition runs every one, in alternating direction, so that drift hits all alike.

    Args:
        candidates: by name; ratios refer to the first one.
        repetitions: at most so many counted repetitions.
        warm_up: uncounted repetitions before.
        budget: seconds after which no further repetition is begun (one is always made).

    Returns:
        A timing by name. The number of torch threads is one meanwhile and restored after.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rounds = _measure(candidates, repetitions, warm_up, budget)
    finally:
        torch.set_num_threads(threads)
    first = next(iter(candidates))
    return {
        name: Timing(tuple(took[name] for took in rounds), statistics.median(took[name] / took[first] for took in rounds))
        for name in candidates
    }


def _measure(
    candidates: Mapping[str, Callable[[], object]], repetitions: int, warm_up: int, budget: float
) -> list[dict[str, float]]:
    names = list(candidates)
    rounds: list[dict[str, float]] = []
    start = time.perf_counter()
    for repetition in range(warm_up + max(repetitions, 1)):
        if rounds and time.perf_counter() - start > budget:
            break
        took = {}
        for name in names if repetition % 2 == 0 else reversed(names):
            begin = time.perf_counter()
            candidates[name]()
            took[name] = max(time.perf_counter() - begin, 1e-9)
        if repetition >= warm_up:
            rounds.append(took)
    return rounds
