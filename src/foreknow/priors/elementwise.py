"""Priors that are a sum of one function of the modulus of each element; and the helpers that they share."""

from abc import abstractmethod

import torch
from torch import Tensor

from foreknow.errors import ShapeError
from foreknow.priors.base import Prior
from foreknow.shapes import squared_norm, sum_event


class Elementwise(Prior):
    r"""R(x) = sum_i r(\|x_i\|) for a function r of the modulus: real or complex x, and one weight an element if wanted.

    A subclass writes ``_penalty(modulus)`` and ``_shrink(modulus, threshold)``.
    """

    elementwise = True
    absolute = True

    @abstractmethod
    def _penalty(self, modulus: Tensor) -> Tensor:
        """The function r at each modulus."""

    @abstractmethod
    def _shrink(self, modulus: Tensor, threshold: Tensor) -> Tensor:
        """argmin_{s >= 0} 1/2 (s - modulus)^2 + threshold * r(s), element-wise."""

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:
        return sum_event(weight * self._penalty(x.abs()), self.event_dims)

    def _over(self, event_dims: int) -> Prior:
        return self._widened(event_dims)

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        return torch.sgn(x) * self._shrink(x.abs(), threshold)


def attached_zero(x: Tensor, event_dims: int) -> Tensor:
    """Zeros, (*batch,), in the graph of ``x`` with the gradient 0: what piecewise constant values add to be differentiable."""
    if x.requires_grad:
        return squared_norm(x - x.detach(), event_dims)
    return torch.zeros(x.shape[: x.ndim - event_dims], dtype=x.real.dtype, device=x.device)


def ratio_scale(bound: Tensor, size: Tensor, event_dims: int) -> Tensor:
    """The largest t in [0, 1] with t * size <= bound for all elements of an event, (*batch,)."""
    ratio = torch.where(size <= bound, torch.ones_like(size), bound / torch.where(size > 0, size, torch.ones_like(size)))
    return ratio.amin(dim=tuple(range(-event_dims, 0))) if event_dims else ratio


def within(size: Tensor, bound: Tensor) -> Tensor:
    """Whether size <= bound but for rounding (64 units in the last place): the test of the conjugate of a norm."""
    return size <= bound * (1 + 64 * torch.finfo(size.dtype).eps)


def zero_or_infinite(feasible: Tensor, like: Tensor) -> Tensor:
    """0 where ``feasible``, else infinite, in the real dtype of ``like``."""
    return torch.where(feasible, 0.0, torch.inf).to(like.real.dtype)


def require_trailing_ones(weight: Tensor, axes: tuple[int, ...], owner: str) -> None:
    """Check that a weight does not vary along ``axes`` (negative numbers).

    Raises:
        ShapeError: if it does.
    """
    if any(weight.ndim >= -axis and weight.shape[axis] != 1 for axis in axes):
        message = f"the weight of {owner} must have size 1 along the axes {axes}, not the shape {tuple(weight.shape)}"
        raise ShapeError(message)
