"""A convex prior of each element on an interval."""

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.priors.base import Prior
from foreknow.priors.box import Box
from foreknow.priors.l1 import L1
from foreknow.shapes import sum_event


class Clipped(Prior):
    """R(x) where low <= x <= high, else infinite: made by ``prior & Box(low, high)``.

    For a convex function of one real number the minimiser over an interval is the free minimiser clipped to it, so the proximal
    map is that of R followed by the projection (Chaux et al. 2009, proposition 2.4). The conjugate is known for `L1`.

    Args:
        prior: R, convex and element-wise, with a proximal map.
        box: the interval, of the same event_dims.

    Raises:
        ParameterError: if R is not convex and element-wise, or the event axes differ.
    """

    weighted = False
    elementwise = True

    def __init__(self, prior: Prior, box: Box) -> None:
        if not (prior.elementwise and prior.convex) or prior.event_dims != box.event_dims:
            message = f"{type(prior).__name__} must be convex and element-wise, over the event axes of the box"
            raise ParameterError(message)
        super().__init__(1.0, prior.event_dims)
        self.prior = prior
        self.box = box
        self.homogeneity = prior.homogeneity if box.homogeneity == 0 else None

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        if x.requires_grad:
            x = torch.where(self._held(x.detach()), x.detach(), x)
        return self.prior.value(x) + self.box.value(x)

    def _held(self, x: Tensor) -> Tensor:
        """Where x is on a bound that the slope of R pushes against: there the subgradient of least norm is 0."""
        slope = self.prior.subgradient(x)
        low, high = self.box.bounds(x)
        return ((x <= low) & (slope > 0)) | ((x >= high) & (slope < 0))

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        return self.box.prox(self.prior.prox(x, threshold))

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:
        if not isinstance(self.prior, L1):
            return super()._conjugate(z, weight)
        slope = self.prior.weight_like(z)
        low, high = (bound.expand_as(z) for bound in self.box.bounds(z))
        start = torch.zeros_like(z).clamp(low, high)
        best = start * z - slope * start.abs()
        for bound in (low, high):
            finite = torch.isfinite(bound)
            end = torch.where(finite, bound, start)
            at_bound = end * z - slope * end.abs()
            rises = torch.sign(bound) * z > slope  # towards an infinite bound
            best = torch.where(finite, torch.maximum(best, at_bound), torch.where(rises, torch.inf, best))
        return sum_event(best, self.event_dims)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:
        if not isinstance(self.prior, L1):
            self._conjugate(z, weight)  # raises
        low, high = self.box.bounds(z)
        open_side = torch.relu(z) * torch.isinf(high) + torch.relu(-z) * torch.isinf(low)
        return self.prior.dual_scale(open_side)

    def _over(self, event_dims: int) -> Prior:
        box = self.box.over(event_dims)
        return Clipped(self.prior.over(event_dims), box) if isinstance(box, Box) else super()._over(event_dims)

    def _scaled(self, factor: float) -> Prior:
        return Clipped(factor * self.prior, self.box)

    @property
    def formula(self) -> str:
        """The prior as `print(model)` writes it."""
        return f"{self.prior.formula} + {self.box.formula}"
