"""Proportions: non-negative numbers of a given sum."""

import torch
from torch import Tensor

from foreknow.priors.ball import Ball
from foreknow.priors.indicator import require_real
from foreknow.priors.simplex_threshold import simplex_threshold
from foreknow.shapes import event_axes, expand_event, sum_event


class Simplex(Ball):
    r"""x_i >= 0 with sum_i x_i = total: proportions, probabilities. The projection is by sorting (Duchi et al. 2008).

    Args:
        total: a number, a tensor of shape (\*batch, 1, ..., 1), or a `Parameter`; read back as ``radius``.
        event_dims: number of trailing axes that one value is computed over.
    """

    def _project(self, x: Tensor) -> Tensor:
        require_real(x, "Simplex")
        total = self._radius_per_item(x).unsqueeze(-1)
        threshold = simplex_threshold(x.flatten(-self.event_dims), total).squeeze(-1)
        return torch.relu(x - expand_event(threshold, self.event_dims))

    def _contains(self, x: Tensor, tolerance: float) -> Tensor:
        require_real(x, "Simplex")
        total = self._radius_per_item(x)
        slack = tolerance * total
        positive = x.amin(dim=event_axes(self.event_dims)) >= -slack
        return positive & ((sum_event(x, self.event_dims) - total).abs() <= slack)

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        return self._radius_per_item(z) * z.amax(dim=event_axes(self.event_dims))

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        return torch.ones(z.shape[: z.ndim - self.event_dims], dtype=z.dtype, device=z.device)

    def _symbol(self) -> str:
        return f"[{{x}} >= 0, sum {{x}} = {self._radius_text()}]"
