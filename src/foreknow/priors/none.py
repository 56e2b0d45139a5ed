"""No prior at all."""

import torch
from torch import Tensor

from foreknow.operators.base import LinearOperator
from foreknow.priors.base import Prior
from foreknow.shapes import sum_event


class NoPrior(Prior):
    """The prior of a component of which nothing is known: R = 0."""

    homogeneity = 1.0
    weighted = False

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        return 0 * sum_event(x.real, self.event_dims)  # a function of x, so that losses can be differentiated

    def _subgradient(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)

    def _flat_part(self, z: Tensor) -> Tensor:
        return z

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:  # noqa: ARG002
        return x

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        zero = (z == 0).flatten(z.ndim - self.event_dims).all(dim=-1)
        return torch.where(zero, 0.0, torch.inf).to(z.dtype.to_real())

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        zero = (z == 0).flatten(z.ndim - self.event_dims).all(dim=-1)
        return torch.where(zero, 1.0, 0.0).to(z.dtype.to_real())

    def split(self) -> tuple[Prior | None, tuple[tuple[Prior, LinearOperator], ...]]:
        """Neither a proximal part nor composed ones."""
        return None, ()
