"""The contract of an algorithm: init and step on an explicit state, written once for solving, unrolling and differentiating."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

from foreknow.errors import UnsupportedError
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

    Attributes:
        differentiable: whether ``init`` and ``step`` may be differentiated; not where they work in place for speed.
    """

    differentiable: bool = True

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

    def transfer(self, problem: Problem, y: Tensor, state: StateT) -> StateT:  # noqa: ARG002
        """The state taken over from a problem of the same shapes with other parameters: whatever it holds of those is renewed.

        The layers of an unrolled network have parameters of their own. The default is for states that hold no such thing.
        """
        return state

    def with_learned_steps(self) -> "Algorithm[StateT]":
        """A copy whose step sizes are parameters that start near the present ones and cannot leave the bound of convergence.

        Raises:
            UnsupportedError: if the algorithm has none to learn.
        """
        message = f"{self.name} has no steps that could be learned"
        raise UnsupportedError(message)
