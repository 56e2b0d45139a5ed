"""Weights that make the solutions of a model nearest to known truth."""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.learn.hyperparameters.descent import Descent
from foreknow.learn.hyperparameters.knobs import Knobs
from foreknow.learn.hyperparameters.outcome import Outcome
from foreknow.learn.hyperparameters.solution_map import Certified, SolutionMap
from foreknow.model import Model
from foreknow.problem import Coefficients
from foreknow.shapes import squared_norm
from foreknow.unroll import Learnable, Weights


class SupervisedLoss(ABC):
    """How far the components of a solution are from the truth."""

    @abstractmethod
    def value(self, components: Mapping[str, Tensor], truth: Mapping[str, Tensor], event_dims: int) -> Tensor:
        r"""One number, differentiable in the components.

        Args:
            components: signals A_i x_i by component name, (\*batch, \*shape).
            truth: those that are known.
            event_dims: number of axes of one item.
        """


class SquaredError(SupervisedLoss):
    """The squared error of the signals whose truth is known, over the energy of the truth."""

    def value(self, components: Mapping[str, Tensor], truth: Mapping[str, Tensor], event_dims: int) -> Tensor:
        """Sum of |estimate - truth|^2 / sum of |truth|^2."""
        errors = [squared_norm(components[name] - known, event_dims).double().sum() for name, known in truth.items()]
        sizes = [squared_norm(known, event_dims).double().sum() for known in truth.values()]
        return torch.stack(errors).sum() / torch.stack(sizes).sum()


class Bilevel:
    r"""Minimise a loss of the solution over the logarithms of the weights (Bertrand et al. 2020).

    The solution of the model is the inner problem, differentiated implicitly (`Certified`); the outer one is smooth where the
    support of the solution does not change, and a quasi-Newton method goes down. The result is what is best for this loss, which is
    not the weight that the data were drawn with: the estimate of smallest error is not the most probable one.

    Args:
        loss: `SquaredError` if None.
        solution: the inner problem; `Certified` if None.
        descent: the outer one.
    """

    def __init__(
        self, loss: SupervisedLoss | None = None, *, solution: SolutionMap | None = None, descent: Descent | None = None
    ) -> None:
        self.loss = SquaredError() if loss is None else loss
        self.solution = Certified() if solution is None else solution
        self.descent = Descent() if descent is None else descent

    def learn(self, model: Model, y: Tensor, truth: Mapping[str, Tensor], learn: Sequence[Learnable] | None = None) -> Outcome:
        r"""Learn the numbers of a model from examples.

        Args:
            model: start values are taken from it; it is left alone.
            y: the data, (\*batch, \*shape).
            truth: signals A_i x_i by component name, of the shape of y, for the components whose truth is known.
            learn: what; the weights if None.

        Raises:
            DataError, ShapeError: if y does not fit.
            ParameterError: if there is nothing to learn, or the truth does not fit.
            UnsupportedError: if the solution cannot be differentiated in this way.
        """
        began = time.perf_counter()
        if not truth or not set(truth) <= set(model.names) or any(known.shape != y.shape for known in truth.values()):
            message = f"the truth must be signals of the shape {tuple(y.shape)} of some of the components {model.names}"
            raise ParameterError(message)
        knobs = Knobs(model, [Weights()] if learn is None else learn, self.solution.algorithm)
        problem = knobs.problem.for_data(y)
        start: Coefficients | None = None

        def function(logarithms: Tensor) -> tuple[float, Tensor]:
            nonlocal start
            knobs.assign(logarithms)
            x = self.solution.solve(knobs.layer, y, start)
            start = tuple(part.detach() for part in x)
            parts = dict(zip(problem.names, problem.parts(x), strict=True))
            value = self.loss.value(parts, truth, problem.event_dims)
            return float(value.detach()), knobs.gradient(value)

        found = self.descent.minimise(function, knobs.start)
        return found.outcome(knobs, time.perf_counter() - began, type(self).__name__)
