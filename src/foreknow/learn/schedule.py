"""How the learning rate goes over a run: a pure function of the step, so that nothing of it has to be stored."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from foreknow.errors import ParameterError


class Schedule(ABC):
    """A factor of the learning rate for every step."""

    @abstractmethod
    def factor(self, step: int, total: int) -> float:
        """The factor at a step, counted from 0, of a run of ``total`` steps."""


@dataclass(frozen=True)
class Constant(Schedule):
    """Always the same learning rate."""

    def factor(self, step: int, total: int) -> float:  # noqa: ARG002
        """1."""
        return 1.0


@dataclass(frozen=True)
class Cosine(Schedule):
    """A linear rise, then half a cosine down (Loshchilov and Hutter 2017).

    Attributes:
        warmup: part of the run in which the rate rises, in [0, 1).
        floor: factor at the end, in [0, 1].

    Raises:
        ParameterError: if a number is outside its range.
    """

    warmup: float = 0.05
    floor: float = 0.01

    def __post_init__(self) -> None:
        if not (0 <= self.warmup < 1 and 0 <= self.floor <= 1):
            message = f"a cosine schedule needs warmup in [0, 1) and floor in [0, 1], not {self.warmup} and {self.floor}"
            raise ParameterError(message)

    def factor(self, step: int, total: int) -> float:
        """The factor at a step."""
        rising = self.warmup * total
        if step < rising:
            return (step + 1) / (rising + 1)
        position = (step - rising) / max(1.0, total - 1 - rising)
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * min(1.0, position))) / 2
