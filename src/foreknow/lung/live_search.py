"""Events of a part that becomes known while a recording is made: each told once, as soon as it is over."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from foreknow.lung.sample_queue import SampleQueue

EventT = TypeVar("EventT")


@dataclass(frozen=True)
class LiveKind(Generic[EventT]):
    """What there is to know about one kind of event.

    Attributes:
        find: from the part and what it leaves, (n,) each, to events whose times count from their first sample.
        moved: an event so many seconds later.
        over: when it is over, seconds.
        same: whether two found at different times are one.
        judged: seconds that must follow before it is told.
        uncertain: seconds by which ``over`` may change when more is known.
    """

    find: Callable[[Tensor, Tensor], list[EventT]]
    moved: Callable[[EventT, float], EventT]
    over: Callable[[EventT], float]
    same: Callable[[EventT, EventT], bool]
    judged: float
    uncertain: float = 0.0


class LiveSearch(Generic[EventT]):
    """Looks for events in the last seconds again whenever so many new samples are known, whatever the blocks they come in.

    Args:
        kind: of the events.
        rate: hertz.
        every: samples between two looks.
        memory: samples that are looked at.
    """

    def __init__(self, kind: LiveKind[EventT], rate: float, every: int, memory: int) -> None:
        self._kind = kind
        self._rate = rate
        self._every = every
        self._memory = memory
        self._waiting = (SampleQueue(), SampleQueue())
        self._known = torch.zeros(2, 0, dtype=torch.float64)
        self._end = 0  # samples that were looked at
        self._told: list[EventT] = []
        self._until = 0.0  # seconds up to which events were told
        self._fresh: list[EventT] = []

    def push(self, part: Tensor, rest: Tensor) -> None:
        """Give the next samples of the part and of what it leaves, (n,) each."""
        for queue, samples in zip(self._waiting, (part, rest), strict=True):
            queue.append(samples)
        while len(self._waiting[0]) >= self._every:
            self._look(self._every, last=False)

    def finish(self) -> None:
        """End the signal: what is not over by now ends with it."""
        self._look(len(self._waiting[0]), last=True)

    def take(self) -> tuple[EventT, ...]:
        """The events that were found since they were last taken, in order of time."""
        fresh, self._fresh = self._fresh, []
        return tuple(sorted(fresh, key=self._kind.over))

    def _look(self, count: int, *, last: bool) -> None:
        pieces = torch.stack([queue.take(count) for queue in self._waiting])
        self._known = torch.cat((self._known, pieces), dim=1)[:, -self._memory :]
        self._end += count
        if not self._known.shape[1]:
            return
        now = self._end / self._rate
        until = math.inf if last else now - self._kind.judged
        start = (self._end - self._known.shape[1]) / self._rate
        since = self._until - self._kind.uncertain
        self._told = [event for event in self._told if self._kind.over(event) >= since - self._kind.uncertain]
        for event in self._kind.find(self._known[0], self._known[1]):
            moved = self._kind.moved(event, start)
            is_new = since <= self._kind.over(moved) < until
            if is_new and not any(self._kind.same(moved, other) for other in self._told):
                self._fresh.append(moved)
                self._told.append(moved)
        self._until = max(self._until, min(until, now))
