"""The squared Euclidean norm: a Gaussian prior."""

import torch
from torch import Tensor

from foreknow.parameters import Parameter
from foreknow.priors.base import Prior
from foreknow.shapes import inner, squared_norm, sum_event


class Quadratic(Prior):
    r"""w/2 \|x - mean\|^2: small energy, or nearness to a mean; a Gaussian with the precision w.

    The proximal map is the weighted mean of x and the mean (Parikh and Boyd 2014, section 6.1).

    Args:
        weight: a number, a tensor that broadcasts against x (one precision an element, or (\*batch, 1, ..., 1)), or a `Parameter`.
        mean: a tensor that broadcasts against x; None is zero.
        event_dims: number of trailing axes that one value is computed over.
    """

    elementwise = True

    def __init__(self, weight: float | Tensor | Parameter = 1.0, mean: Tensor | None = None, event_dims: int = 1) -> None:
        super().__init__(weight, event_dims)
        self.mean: Tensor | None
        self.register_buffer("mean", mean)
        self.absolute = mean is None
        self.homogeneity = 2.0 if mean is None else None

    @property
    def uniform(self) -> bool:
        """Whether the weight is the same for all elements of an event."""
        inside = self.weight.shape[-self.event_dims :] if self.weight.ndim else ()
        return all(size == 1 for size in inside)

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:
        return sum_event(weight * squared_norm(self._centered(x), 0), self.event_dims) / 2

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        shift = 0.0 if self.mean is None else threshold * self._mean_like(x)
        return (x + shift) / (1 + threshold)

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:
        square = squared_norm(z, 0)
        zero = square == 0
        ratio = torch.where(zero, 0.0, square / torch.where(zero, torch.ones_like(square), weight))
        value = sum_event(ratio, self.event_dims) / 2
        return value if self.mean is None else value + inner(self._mean_like(z).expand_as(z), z, self.event_dims)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:
        finite = (weight > 0) | (squared_norm(z, 0) == 0)
        return finite.flatten(-self.event_dims).all(-1).to(z.real.dtype)

    def _over(self, event_dims: int) -> Prior:
        return self._widened(event_dims)

    def _centered(self, x: Tensor) -> Tensor:
        return x if self.mean is None else x - self._mean_like(x)

    def _mean_like(self, x: Tensor) -> Tensor:
        assert self.mean is not None  # noqa: S101  (the callers have asked)
        return self.mean.to(device=x.device, dtype=x.dtype)

    def _symbol(self) -> str:
        return "|{x}|^2 / 2" if self.mean is None else "|{x} - mean|^2 / 2"
