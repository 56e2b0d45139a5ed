"""A run of the layers of an unrolled algorithm on given data."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from foreknow.problem import Coefficients, Problem
from foreknow.solve import Iterate
from foreknow.unroll.layer import Layer
from foreknow.unroll.safeguard import Safeguard


class Unrolling:
    r"""The layers bound to data; what a differentiation mode drives.

    Args:
        layers: one a step; the same one several times where parameters are shared.
        y: the data, (\*batch, \*shape).
        start: initial coefficients; zeros if None.
        safeguard: judges every step; None to trust them.
    """

    def __init__(
        self, layers: Sequence[Layer], y: Tensor, start: Coefficients | None = None, safeguard: Safeguard | None = None
    ) -> None:
        self.layers = tuple(layers)
        self.y = y
        self.safeguard = safeguard
        first = self.layers[0].problem.for_data(y)
        shape = first.shape
        assert shape is not None  # noqa: S101  (`for_data` binds)
        bound: dict[int, Problem] = {id(self.layers[0]): first}
        for layer in self.layers:
            bound.setdefault(id(layer), layer.problem if layer is self.layers[0] else layer.problem.onto(shape))
        self.problems = tuple(bound[id(layer)] for layer in self.layers)
        self.start = first.zeros(y) if start is None else start

    def __len__(self) -> int:
        return len(self.layers)

    @property
    def problem(self) -> Problem:
        """The bound problem of the last layer."""
        return self.problems[-1]

    def begin(self) -> Any:  # noqa: ANN401  (every algorithm has its own state)
        """The state before the first step."""
        return self.layers[0].algorithm.init(self.problems[0], self.y, self.start)

    def renew(self, state: Any, index: int) -> Any:  # noqa: ANN401
        """The state with all that it holds of the parameters of layer ``index`` computed anew."""
        return self.layers[index].algorithm.transfer(self.problems[index], self.y, state)

    def advance(self, state: Any, first: int, last: int) -> Any:  # noqa: ANN401
        """The state after the steps ``first`` to ``last - 1``."""
        for index in range(first, last):
            layer, problem = self.layers[index], self.problems[index]
            if index and layer is not self.layers[index - 1]:
                state = self.renew(state, index)
            after = layer.algorithm.step(problem, self.y, state)
            state = after if self.safeguard is None else self.safeguard.judge(layer, problem, self.y, state, after)
        return state

    def iterate(self, state: Any) -> Iterate:  # noqa: ANN401
        """The candidate that the state after the last step holds."""
        return self.layers[-1].algorithm.iterate(self.problem, self.y, state)
