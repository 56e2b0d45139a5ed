"""Learning a simulator from noisy, partial observations."""

import torch
from torch import Tensor

from foreknow.errors import DataError
from foreknow.learn.data import Example
from foreknow.learn.emission import Emit
from foreknow.learn.objectives import Objective
from foreknow.simulate.assimilation.likelihood import COST


class Likelihood(Objective):
    """What `foreknow.simulate.assimilation.FilterLikelihood` or `VariationalLikelihood` says of the observations.

    The network that `fit` trains is that module: its parameters are those of the simulator. The items are windows of observations,
    (batch, cycles, m).
    """

    def losses(self, emit: Emit, example: Example, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """The negative logarithm a value of the data.

        Raises:
            DataError: if the network gives something else.
        """
        found = emit(example.y).coefficients
        if COST not in found:
            message = f"Likelihood trains a FilterLikelihood or a VariationalLikelihood, not a network that gives {sorted(found)}"
            raise DataError(message)
        return found[COST]
