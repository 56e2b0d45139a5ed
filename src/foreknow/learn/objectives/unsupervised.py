"""Learning on the model's own objective: the network becomes a fast minimiser, and no truth is needed."""

import copy

import torch
from torch import Tensor

from foreknow.errors import DataError, UnsupportedError
from foreknow.learn.data import Example
from foreknow.learn.emission import Emit
from foreknow.learn.objectives.base import Objective
from foreknow.model import Model


class Unsupervised(Objective):
    """The declared objective F(x; y) = D(sum_i A_i x_i; y) + sum_i R_i(x_i) at the coefficients that the network gives.

    The weights of the model are those at the time when this object is made, and stay: trained along, they would make F small by
    vanishing.

    Args:
        model: as it was declared; its priors must have values.

    Raises:
        UnsupportedError: if the objective cannot be computed.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        if not model.problem.has_value:
            message = "a prior of the model has no value, so that there is no objective to train on; use Supervised or SURE"
            raise UnsupportedError(message)
        self.problem = copy.deepcopy(model.problem).requires_grad_(requires_grad=False)

    def losses(self, emit: Emit, example: Example, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """F of each item.

        Raises:
            DataError: if the network does not give all coefficients, or gives some at which F is infinite.
        """
        found = emit(example.y).coefficients
        missing = set(self.problem.names) - set(found)
        if missing:
            message = f"the network gives no coefficients of the components {sorted(missing)} of the model"
            raise DataError(message)
        problem = self.problem.for_data(example.y)
        coefficients = tuple(found[name] for name in problem.names)
        values = problem.objective(coefficients, example.y)
        infeasible = int(torch.isposinf(values).sum())
        if infeasible:
            message = (
                f"the objective is infinite at what the network gives for {infeasible} of {len(values)} items; let the network end "
                "with the proximal map of each constraint, and with Exact() noise give one component as the rest of the data"
            )
            raise DataError(message)
        return values
