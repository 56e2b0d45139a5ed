"""The contract of a sequential method of assimilation: init, then one step for each observation."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from foreknow.simulate.assimilation.covariance import Covariance
from foreknow.simulate.assimilation.system import ObservedSystem

StateT = TypeVar("StateT")


@dataclass(frozen=True)
class Prior:
    r"""What is known of the first state.

    Attributes:
        mean: (\*batch, n).
        covariance: on vectors of n numbers.
    """

    mean: Tensor
    covariance: Covariance


@dataclass(frozen=True)
class Analysis:
    r"""What a method says of the state at the latest observation.

    Attributes:
        mean: (\*batch, n).
        spread: posterior standard deviation of each number, (\*batch, n); None where the method gives none.
        ensemble: (\*batch, members, n); None where the method has none.
        smoothed: the mean of an earlier state given all observations so far, (\*batch, n); None for a filter.
        lag: how many cycles earlier.
    """

    mean: Tensor
    spread: Tensor | None = None
    ensemble: Tensor | None = None
    smoothed: Tensor | None = None
    lag: int = 0


class Assimilation(ABC, Generic[StateT]):
    """A method; pure (it changes no argument and no attribute), batched over experiments, differentiable.

    A state is an explicit object, so that a run can be stopped, continued and differentiated.
    """

    @property
    def name(self) -> str:
        """For reports."""
        return type(self).__name__

    @abstractmethod
    def init(self, system: ObservedSystem, prior: Prior, generator: torch.Generator) -> StateT:
        """The state before the first cycle."""

    @abstractmethod
    def step(self, system: ObservedSystem, state: StateT, y: Tensor, generator: torch.Generator) -> StateT:
        r"""The state one cycle later, given the observation at its end.

        Args:
            system: as it is declared.
            state: after the last cycle.
            y: (\*batch, m).
            generator: source of all randomness, on the CPU or the device of the data.
        """

    @abstractmethod
    def analysis(self, system: ObservedSystem, state: StateT) -> Analysis:
        """What the state says."""
