"""Never worse than the classical algorithm: learned steps are judged against it."""

from typing import Any

from torch import Tensor

from foreknow.errors import UnsupportedError
from foreknow.problem import Problem
from foreknow.solve import Algorithm, Iterate
from foreknow.solve.certificate import as_double, in_double
from foreknow.unroll.layer import Layer
from foreknow.unroll.state import select_items


class Safeguard:
    """Takes a learned step only where the declared objective is then no higher than after the classical step from the same state.

    It is judged for each batch item, at the price of one classical step and two objectives a step (after the safeguard of Heaton,
    Chen, Wang and Yin 2023, with the objective in place of a residual).

    Args:
        problem: as declared, with the parameters that the objective is measured by.
        algorithm: the classical one; its states must be those of the layers.

    Raises:
        UnsupportedError: if the objective cannot be computed.
    """

    def __init__(self, problem: Problem, algorithm: Algorithm[Any]) -> None:
        for name, prior in zip(problem.names, problem.declared_priors(), strict=True):
            if not prior.has_value:
                message = f"the prior of component {name!r} has no value, so that no step can be judged; unroll without safeguard"
                raise UnsupportedError(message)
        self.problem = problem
        self.algorithm = algorithm

    def judge(self, layer: Layer, problem: Problem, y: Tensor, before: Any, after: Any) -> Any:  # noqa: ANN401
        """The state to go on with.

        Args:
            layer: that made the step.
            problem: its own, bound.
            y: the data.
            before: the state before the step.
            after: the state after the learned step.
        """
        assert problem.shape is not None  # noqa: S101
        declared = self.problem.onto(problem.shape)
        classical = self.algorithm.step(declared, y, self.algorithm.transfer(declared, y, before))
        learned_value = _objective(declared, y, layer.algorithm.iterate(problem, y, after))
        classical_value = _objective(declared, y, self.algorithm.iterate(declared, y, classical))
        chosen = select_items(learned_value <= classical_value, after, classical)
        return layer.algorithm.transfer(problem, y, chosen)


def _objective(problem: Problem, y: Tensor, iterate: Iterate) -> Tensor:
    return problem.objective(in_double(problem, y, iterate).coefficients, as_double(y))
