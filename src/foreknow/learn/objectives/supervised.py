"""Learning from pairs of data and true components, simulated or annotated."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from foreknow.errors import DataError, ParameterError, ShapeError
from foreknow.learn.data import Example
from foreknow.learn.emission import Emit
from foreknow.learn.objectives.base import Objective
from foreknow.shapes import squared_norm

Metric = Callable[[Tensor, Tensor], Tensor]
"""From an estimate and the truth, both (batch, *shape), to a loss of each item, (batch,)."""


def mean_squared_error(estimate: Tensor, truth: Tensor) -> Tensor:
    """|estimate - truth|^2 / number of values, (batch,)."""
    return squared_norm(estimate - truth, estimate.ndim - 1) / max(1, estimate[0].numel())


def relative_squared_error(estimate: Tensor, truth: Tensor) -> Tensor:
    """|estimate - truth|^2 / |truth|^2, (batch,): weak and strong components and items count alike; the truth must not be zero."""
    return squared_norm(estimate - truth, estimate.ndim - 1) / squared_norm(truth, truth.ndim - 1)


class Supervised(Objective):
    """The error of the signals of the components, summed over the components.

    Args:
        metric: the error of one component; `mean_squared_error` if None.
        weights: how much each component counts, by name; those that are not named do not count. None for all alike.

    Raises:
        ParameterError: if a weight is negative, or there is none.
    """

    def __init__(self, metric: Metric | None = None, weights: Mapping[str, float] | None = None) -> None:
        super().__init__()
        self.metric = mean_squared_error if metric is None else metric
        self.weights = None if weights is None else dict(weights)
        if self.weights is not None and (not self.weights or min(self.weights.values()) < 0):
            message = f"the weights of the components must be non-negative, and at least one must be given, not {self.weights}"
            raise ParameterError(message)

    def losses(self, emit: Emit, example: Example, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """sum_i weight_i metric(estimate_i, truth_i).

        Raises:
            DataError: if the truth of a component is not known, or the network does not give it.
            ShapeError: if estimate and truth differ in shape.
        """
        if not example.truth:
            message = "supervised training needs the true components of every item; use Unsupervised or SURE where there are none"
            raise DataError(message)
        found = emit(example.y).components
        weights = dict.fromkeys(example.truth, 1.0) if self.weights is None else self.weights
        total = torch.zeros((), device=example.y.device)
        for name, weight in weights.items():
            if name not in found or name not in example.truth:
                known = f"the network gives {sorted(found)}, the truth is known of {sorted(example.truth)}"
                message = f"the error of component {name!r} cannot be had: {known}"
                raise DataError(message)
            estimate, truth = found[name], example.truth[name]
            if estimate.shape != truth.shape:
                message = f"the network gives {name!r} of shape {tuple(estimate.shape)}, but its truth is of {tuple(truth.shape)}"
                raise ShapeError(message)
            total = total + weight * self.metric(estimate, truth)
        return total
