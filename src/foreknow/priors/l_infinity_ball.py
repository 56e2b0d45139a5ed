"""The ball of the L-infinity norm."""

import torch
from torch import Tensor

from foreknow.priors.ball import Ball
from foreknow.shapes import event_axes, expand_event, sum_event


class LInfinityBall(Ball):
    r"""max_i \|x_i\| <= radius, real or complex x: a bound on every modulus (a disc where x is complex).

    Args:
        radius: a number, a tensor of shape (\*batch, 1, ..., 1), or a `Parameter`.
        event_dims: number of trailing axes that one value is computed over.
    """

    absolute = True
    elementwise = True

    def _project(self, x: Tensor) -> Tensor:
        return torch.sgn(x) * torch.minimum(x.abs(), expand_event(self._radius_per_item(x), self.event_dims))

    def _contains(self, x: Tensor, tolerance: float) -> Tensor:
        return x.abs().amax(dim=event_axes(self.event_dims)) <= self._radius_per_item(x) * (1 + tolerance)

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        return self._radius_per_item(z) * sum_event(z.abs(), self.event_dims)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        return torch.ones(z.shape[: z.ndim - self.event_dims], dtype=z.real.dtype, device=z.device)

    def _symbol(self) -> str:
        return f"[|{{x}}|_inf <= {self._radius_text()}]"
