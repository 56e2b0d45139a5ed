"""From hyper-parameters to the solution of a model, as a function that can be differentiated."""

import warnings
from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.problem import Coefficients
from foreknow.solve import FISTA, Algorithm, ConvergenceWarning, ForwardBackward, choose_algorithm, minimize
from foreknow.solve.forward_backward import require_smooth
from foreknow.solve.step_rule import NormStep
from foreknow.unroll import Backprop, Differentiation, Implicit
from foreknow.unroll.layer import Layer
from foreknow.unroll.unrolling import Unrolling


class SolutionMap(ABC):
    """Solves a layer's problem; the result can be differentiated with respect to its parameters."""

    @property
    @abstractmethod
    def algorithm(self) -> Algorithm[Any]:
        """What the layer has to be made with."""

    @abstractmethod
    def solve(self, layer: Layer, y: Tensor, start: Coefficients | None) -> Coefficients:
        r"""The coefficients.

        Args:
            layer: holds the problem and its parameters.
            y: the data, (\*batch, \*shape).
            start: coefficients near the solution, if such are known.
        """


class Certified(SolutionMap):
    """The solution to a certificate, differentiated by the implicit function theorem: the memory of one step.

    The data term must be smooth and every prior have a proximal map; see `Implicit`.

    Args:
        algorithm: solves; `choose_algorithm` if None.
        tolerance: relative certificate.
        max_iterations: after which a `ConvergenceWarning` is given.
        differentiation: of one more proximal gradient step; `Implicit` if None.

    Raises:
        ParameterError: if tolerance or max_iterations is not positive.
    """

    def __init__(
        self,
        algorithm: Algorithm[Any] | None = None,
        *,
        tolerance: float = 1e-8,
        max_iterations: int = 5000,
        differentiation: Differentiation | None = None,
    ) -> None:
        if tolerance <= 0 or max_iterations < 1:
            message = f"tolerance and max_iterations must be positive, not {tolerance} and {max_iterations}"
            raise ParameterError(message)
        self.solver = algorithm
        self.tolerance = tolerance
        self.max_iterations = max_iterations
        self.differentiation = Implicit() if differentiation is None else differentiation

    @property
    def algorithm(self) -> Algorithm[Any]:
        """Proximal gradients, of which one step is differentiated."""
        return ForwardBackward()

    def solve(self, layer: Layer, y: Tensor, start: Coefficients | None) -> Coefficients:
        """The coefficients.

        Raises:
            UnsupportedError: if the data term is not smooth or a prior has no proximal map; `Unrolled` may do.
        """
        problem = layer.problem.for_data(y)
        require_smooth(problem, "Certified()")
        solver = choose_algorithm(problem) if self.solver is None else self.solver
        found = minimize(problem, y, solver, tolerance=self.tolerance, max_iterations=self.max_iterations, start=start)
        if not found.converged:
            warnings.warn(f"{found}; asked for {self.tolerance:.1e}", ConvergenceWarning, stacklevel=3)
        x = tuple(found.coefficients[name] for name in problem.names)
        return self.differentiation.run(Unrolling([layer], y, x)).coefficients


class Unrolled(SolutionMap):
    """A fixed number of steps, differentiated as one likes: for models that `Certified` cannot treat.

    What is learned are then the best numbers for so many steps.

    Args:
        steps: their number.
        algorithm: `FISTA` with steps from the operator norms if None.
        differentiation: `Backprop` if None.

    Raises:
        ParameterError: if there is no step.
    """

    def __init__(
        self, steps: int = 100, algorithm: Algorithm[Any] | None = None, *, differentiation: Differentiation | None = None
    ) -> None:
        if steps < 1:
            message = f"an unrolled solution has at least one step, not {steps}"
            raise ParameterError(message)
        self.steps = steps
        self._algorithm = FISTA(step=NormStep()) if algorithm is None else algorithm
        self.differentiation = Backprop() if differentiation is None else differentiation

    @property
    def algorithm(self) -> Algorithm[Any]:
        """What the layer has to be made with."""
        return self._algorithm

    def solve(self, layer: Layer, y: Tensor, start: Coefficients | None) -> Coefficients:  # noqa: ARG002
        """The coefficients after the steps from 0, so that the result does not depend on what was computed before."""
        return self.differentiation.run(Unrolling([layer] * self.steps, y)).coefficients
