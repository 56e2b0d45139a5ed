"""The cones of non-negative and of non-positive numbers."""

import torch
from torch import Tensor

from foreknow.priors.base import Prior
from foreknow.priors.indicator import Indicator, require_real


class NonNegative(Indicator):
    """x_i >= 0 for all i: intensities, concentrations, counts. The test of membership is exact.

    Args:
        event_dims: number of trailing axes that one value is computed over.
    """

    homogeneity = 0.0
    elementwise = True

    def _project(self, x: Tensor) -> Tensor:
        require_real(x, type(self).__name__)
        return torch.relu(x)

    def _contains(self, x: Tensor, tolerance: float) -> Tensor:  # noqa: ARG002
        require_real(x, type(self).__name__)
        return (x >= 0).flatten(-self.event_dims).all(-1)

    def _over(self, event_dims: int) -> Prior:
        return self._widened(event_dims)

    def _symbol(self) -> str:
        return "[{x} >= 0]"


class NonPositive(Indicator):
    """x_i <= 0 for all i. The test of membership is exact.

    Args:
        event_dims: number of trailing axes that one value is computed over.
    """

    homogeneity = 0.0
    elementwise = True

    def _project(self, x: Tensor) -> Tensor:
        require_real(x, type(self).__name__)
        return -torch.relu(-x)

    def _contains(self, x: Tensor, tolerance: float) -> Tensor:  # noqa: ARG002
        require_real(x, type(self).__name__)
        return (x <= 0).flatten(-self.event_dims).all(-1)

    def _over(self, event_dims: int) -> Prior:
        return self._widened(event_dims)

    def _symbol(self) -> str:
        return "[{x} <= 0]"
