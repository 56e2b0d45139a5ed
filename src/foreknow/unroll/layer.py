"""One step of an algorithm as a layer: a copy of the problem and of the algorithm, whose learned parameters are its own."""

import copy
from typing import Any

from torch import nn

from foreknow.errors import UnsupportedError
from foreknow.problem import Problem
from foreknow.solve import Algorithm


class Layer(nn.Module):
    """A problem and the algorithm that makes a step on it.

    Both are copied, and nothing in them is to be learned until a `foreknow.unroll.Learnable` releases it.

    Args:
        problem: declared for any shape.
        algorithm: differentiable.

    Raises:
        UnsupportedError: if the algorithm cannot be differentiated.
    """

    def __init__(self, problem: Problem, algorithm: Algorithm[Any]) -> None:
        super().__init__()
        if not algorithm.differentiable:
            message = f"{algorithm.name} is made for solving and cannot be unrolled; pass another algorithm, such as RobustPCA()"
            raise UnsupportedError(message)
        self.problem = copy.deepcopy(problem)
        self._hold(copy.deepcopy(algorithm))
        self.requires_grad_(requires_grad=False)

    def _hold(self, algorithm: Algorithm[Any]) -> None:
        self.algorithm = algorithm
        parts = {name: part for name, part in vars(algorithm).items() if isinstance(part, nn.Module)}
        self.parts_of_algorithm = nn.ModuleDict(parts)

    def learn_steps(self) -> None:
        """Make the step sizes of the algorithm parameters that stay inside its bound of convergence."""
        self._hold(self.algorithm.with_learned_steps())
