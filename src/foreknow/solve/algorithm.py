"""The contract of an algorithm: init and step on an explicit state, written once for solving, unrolling and differentiating."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

from foreknow.problem import Coefficients, Problem

StateT = TypeVar("StateT")


@dataclass(frozen=True)
class Iterate:
    """What an algorithm would return now, and the dual variables that it knows.

    Attributes:
        coefficients: primal candidate, inside the domain of every prior that has a proximal map.
        data_dual: an element near the subdifferential of the data term at A x, (*batch, *shape); None where the data term is
            smooth and its gradient serves.
        prior_duals: one dual variable for each of ``problem.composed_priors()``, inside the domain of its conjugate; empty if
            the algorithm has none.
    """

    coefficients: Coefficients
    data_dual: Tensor | None = None
    prior_duals: tuple[Tensor, ...] = ()


class Algorithm(ABC, Generic[StateT]):
    """An iterative method for a `Problem`: ``init``, then ``step`` again and again; ``iterate`` reads the state.

    ``init`` and ``step`` are pure (they change no argument and no attribute), differentiable where the problem is, treat all batch
    items at once, and never wait for the device. The driver of `foreknow.solve.driver.minimize` loops them to a certificate; an
    unrolled network applies a fixed number of them.
    """

    @property
    def name(self) -> str:
        """The method's name for reports."""
        return type(self).__name__

    @abstractmethod
    def check(self, problem: Problem) -> None:
        """Raise UnsupportedError, naming the component, if the algorithm cannot treat the problem."""

    @abstractmethod
    def init(self, problem: Problem, y: Tensor, start: Coefficients) -> StateT:
        """The state before the first step.

        Args:
            problem: bound to the shape of the data.
            y: the data, (*batch, *shape).
            start: initial coefficients.
        """

    @abstractmethod
    def step(self, problem: Problem, y: Tensor, state: StateT) -> StateT:
        """The next state."""

    @abstractmethod
    def iterate(self, problem: Problem, y: Tensor, state: StateT) -> Iterate:
        """The candidate solution that the state holds."""
