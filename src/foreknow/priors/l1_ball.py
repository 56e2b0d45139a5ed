"""The ball of the L1 norm."""

import torch
from torch import Tensor

from foreknow.priors.ball import Ball
from foreknow.priors.simplex_threshold import simplex_threshold
from foreknow.shapes import event_axes, expand_event, sum_event


class L1Ball(Ball):
    r"""\|x\|_1 <= radius, real or complex x: a bound on sparsity. The projection is by sorting (Duchi et al. 2008).

    Args:
        radius: a number, a tensor of shape (\*batch, 1, ..., 1), or a `Parameter`.
        event_dims: number of trailing axes that one value is computed over.
    """

    absolute = True

    def _project(self, x: Tensor) -> Tensor:
        modulus = x.abs()
        radius = self._radius_per_item(x).unsqueeze(-1)
        threshold = torch.relu(simplex_threshold(modulus.flatten(-self.event_dims), radius)).squeeze(-1)
        return torch.sgn(x) * torch.relu(modulus - expand_event(threshold, self.event_dims))

    def _contains(self, x: Tensor, tolerance: float) -> Tensor:
        return sum_event(x.abs(), self.event_dims) <= self._radius_per_item(x) * (1 + tolerance)

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        return self._radius_per_item(z) * z.abs().amax(dim=event_axes(self.event_dims))

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        return torch.ones(z.shape[: z.ndim - self.event_dims], dtype=z.real.dtype, device=z.device)

    def _symbol(self) -> str:
        return f"[|{{x}}|_1 <= {self._radius_text()}]"
