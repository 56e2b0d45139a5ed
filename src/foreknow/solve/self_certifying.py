"""The contract of an algorithm that certifies its own iterates, cheaper than `duality_gap` does it for any problem."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

from foreknow.problem import Problem
from foreknow.solve.algorithm import Algorithm, Iterate
from foreknow.solve.certificate import Certificate

StateT = TypeVar("StateT")


@dataclass(frozen=True)
class Look(Generic[StateT]):
    """What a look at a state finds.

    Attributes:
        certificate: of the candidate that ``iterate`` makes.
        objective: of that candidate, (*batch,), float64; None where it is still to be computed.
        iterate: makes the candidate, which may cost as much as a step.
        state: to go on from; a look may change a penalty, never the candidate.
        pause: steps until the next look is worth its cost.
    """

    certificate: Certificate
    objective: Tensor | None
    iterate: Callable[[], Iterate]
    state: StateT
    pause: int


class SelfCertifying(Algorithm[StateT]):
    """An algorithm with a certificate of its own, and its own idea of when to look at it.

    Attributes:
        patience: looks without a certificate 5 % better before the driver calls the run stalled.
    """

    patience: int = 200

    @abstractmethod
    def first_pause(self, state: StateT, tolerance: float) -> int:
        """Number of steps from the initial state to the first look."""

    @abstractmethod
    def advance(self, problem: Problem, y: Tensor, state: StateT, steps: int) -> StateT:
        """The state after ``steps`` steps: what `step` applied so often gives, with less memory; ``state`` stays as it is."""

    @abstractmethod
    def look(self, problem: Problem, y: Tensor, state: StateT, tolerance: float) -> Look[StateT]:
        """The certificate of the state's candidate.

        Args:
            problem: bound to the shape of the data.
            y: the data, (*batch, *shape).
            state: after at least one step.
            tolerance: the relative gap that is asked for; decides how exactly the certificate is computed, and the pause.

        Raises:
            DataError: if the state has left the finite numbers.
        """
