"""Missing samples: setting them to zero, or leaving them out."""

import math

import torch
from torch import Tensor

from foreknow.errors import ParameterError, ShapeError
from foreknow.operators.base import LinearOperator
from foreknow.operators.diagonal import require_broadcast
from foreknow.shapes import Shape


class Mask(LinearOperator):
    r"""Keep the samples where the mask is set and put zeros elsewhere: an orthogonal projection.

    Args:
        mask: boolean (or zeros and ones), of a shape that broadcasts to ``domain``.
        domain: shape of one event; that of ``mask`` if None.

    Raises:
        ParameterError: if ``mask`` holds anything but zeros and ones.
        ShapeError: if ``mask`` does not broadcast to ``domain``.
    """

    mask: Tensor

    def __init__(self, mask: Tensor, domain: int | Shape | None = None) -> None:
        super().__init__(tuple(mask.shape) if domain is None else domain)
        self.register_buffer("mask", as_mask(mask))
        self._range_shape(self.domain)

    def _forward(self, x: Tensor) -> Tensor:
        return x * self.mask

    def _adjoint(self, y: Tensor) -> Tensor:
        return y * self.mask

    def _norm(self) -> Tensor:
        return self.mask.any().to(torch.float64)

    def _range_shape(self, domain: Shape) -> Shape:
        require_broadcast(tuple(self.mask.shape), domain, "the mask")
        return domain


class Sampling(LinearOperator):
    r"""Select the samples where the mask is set: (\*batch, \*mask.shape) -> (\*batch, m), in row-major order; A A^* = I.

    Args:
        mask: boolean (or zeros and ones), of the shape of one event.

    Raises:
        ParameterError: if ``mask`` holds anything but zeros and ones, or selects nothing.
    """

    cogram_scale = 1.0
    index: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__(tuple(mask.shape))
        index = as_mask(mask).flatten().nonzero().squeeze(-1)
        if not index.numel():
            message = "a sampling mask must select at least one sample"
            raise ParameterError(message)
        self.register_buffer("index", index)
        self._shape = tuple(mask.shape)
        self.range_dims = 1

    def _forward(self, x: Tensor) -> Tensor:
        return x.flatten(x.ndim - self.domain_dims).index_select(-1, self.index)

    def _adjoint(self, y: Tensor) -> Tensor:
        flat = y.new_zeros((*y.shape[:-1], math.prod(self.domain)))
        return flat.index_copy(-1, self.index, y).reshape(y.shape[:-1] + self.domain)

    def _range_shape(self, domain: Shape) -> Shape:
        if domain != self._shape:
            message = f"a sampling mask of shape {self._shape} takes events of that shape, not {domain}"
            raise ShapeError(message)
        return (self.index.shape[0],)


def as_mask(mask: Tensor) -> Tensor:
    """A boolean mask from zeros and ones.

    Raises:
        ParameterError: if there is anything else.
    """
    if mask.dtype != torch.bool and not bool(((mask == 0) | (mask == 1)).all()):
        message = "a mask holds booleans, or zeros and ones; for other weights use Diagonal"
        raise ParameterError(message)
    return mask.detach().to(torch.bool)
