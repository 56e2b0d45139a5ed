"""The ball of the Euclidean norm."""

import torch
from torch import Tensor

from foreknow.priors.ball import Ball
from foreknow.priors.group_l2 import norm_along
from foreknow.shapes import event_axes, expand_event, sum_event


class L2Ball(Ball):
    r"""\|x\|_2 <= radius, real or complex x: a bound on energy. With ``.at(y)``: a known noise level.

    The projection scales x down (Parikh and Boyd 2014, section 6.5).

    Args:
        radius: a number, a tensor of shape (\*batch, 1, ..., 1), or a `Parameter`.
        event_dims: number of trailing axes that one value is computed over.
    """

    absolute = True

    def _project(self, x: Tensor) -> Tensor:
        norm = self._norm(x)
        radius = self._radius_per_item(x)
        outside = norm > radius
        scale = torch.where(outside, radius / torch.where(outside, norm, 1.0), 1.0)
        return x * expand_event(scale, self.event_dims)

    def _contains(self, x: Tensor, tolerance: float) -> Tensor:
        return self._norm(x) <= self._radius_per_item(x) * (1 + tolerance)

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        return self._radius_per_item(z) * self._norm(z)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        return torch.ones(z.shape[: z.ndim - self.event_dims], dtype=z.real.dtype, device=z.device)

    def _norm(self, x: Tensor) -> Tensor:
        return sum_event(norm_along(x, event_axes(self.event_dims)), self.event_dims)

    def _symbol(self) -> str:
        return f"[|{{x}}|_2 <= {self._radius_text()}]"
