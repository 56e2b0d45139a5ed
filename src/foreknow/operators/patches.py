"""Sliding patches."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from foreknow.errors import ParameterError, ShapeError
from foreknow.operators.axes import overlap_add, per_axis
from foreknow.operators.base import LinearOperator
from foreknow.shapes import Shape


class Patches(LinearOperator):
    r"""Sliding patches, in row-major order: (\*batch, \*shape) -> (\*batch, patches, \*size). The adjoint sums overlapping patches.

    A^* A counts how many patches hold each sample, so the norm is exact: the root of the largest count.

    Args:
        size: of a patch, one number an axis (a plain integer: signals).
        stride: distance of neighbouring patches, one number or one an axis; ``size`` (no overlap) if None.
        boundary: "valid" (only patches inside; samples that no patch reaches are lost) or "periodic" (patches continue at the
            other end and every sample is in as many; the stride must divide the event).
        domain: shape of one event, or None for any.

    Raises:
        ParameterError: if a size or stride is not positive, or ``boundary`` is unknown.
        ShapeError: if a patch is larger than the event, or the stride does not divide it in "periodic" mode.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        boundary: Literal["valid", "periodic"] = "valid",
        domain: int | Shape | None = None,
    ) -> None:
        sizes = (size,) if isinstance(size, int) else tuple(size)
        super().__init__(domain, len(sizes))
        self.size = sizes
        self.stride = sizes if stride is None else per_axis(stride, len(sizes), "the stride of patches")
        if min(self.size) < 1 or min(self.stride) < 1:
            message = f"patches need positive sizes and strides, not {self.size} and {self.stride}"
            raise ParameterError(message)
        if boundary not in {"valid", "periodic"}:
            message = f"the boundary of patches is 'valid' or 'periodic', not {boundary!r}"
            raise ParameterError(message)
        self.boundary = boundary
        self.range_dims = self.domain_dims + 1
        if boundary == "periodic" and all(length % step == 0 for length, step in zip(self.size, self.stride, strict=True)):
            self.gram_scale = float(math.prod(length // step for length, step in zip(self.size, self.stride, strict=True)))
        if self.bound:
            self._range_shape(self.domain)

    def _forward(self, x: Tensor) -> Tensor:
        dims = self.domain_dims
        # Each unfold puts the patch's place where the axis was and appends the axis of its samples, so that the next axis to cut is
        # always the same one, counted from the end.
        place = -dims
        for axis in range(dims):
            if self.boundary == "periodic":
                x = torch.cat((x, x.narrow(place, 0, self.size[axis] - 1)), dim=place)
            x = x.unfold(place, self.size[axis], self.stride[axis])
        return x.flatten(-2 * dims, -dims - 1)

    def _adjoint(self, y: Tensor) -> Tensor:
        dims = self.domain_dims
        y = y.unflatten(-dims - 1, self._counts(self.domain))
        place = -dims
        for axis in reversed(range(dims)):
            y = overlap_add(y.movedim(place - 1, -2), self.stride[axis])
            length = self.domain[axis]
            rest = y.shape[-1] - length
            if self.boundary == "periodic" and rest > 0:
                y = y[..., :length] + functional.pad(y[..., length:], (0, length - rest))
            elif rest < 0:
                y = functional.pad(y, (0, -rest))
            y = y.movedim(-1, place)
        return y

    def _norm(self) -> Tensor:
        ones = torch.ones(self.domain, dtype=torch.float64)
        return self._adjoint(self._forward(ones)).amax().sqrt()

    def _counts(self, domain: Shape) -> Shape:
        if self.boundary == "periodic":
            return tuple(length // step for length, step in zip(domain, self.stride, strict=True))
        return tuple((length - size) // step + 1 for length, size, step in zip(domain, self.size, self.stride, strict=True))

    def _range_shape(self, domain: Shape) -> Shape:
        if any(size > length for size, length in zip(self.size, domain, strict=True)):
            message = f"patches of shape {self.size} do not fit into events of shape {domain}"
            raise ShapeError(message)
        if self.boundary == "periodic" and any(length % step for length, step in zip(domain, self.stride, strict=True)):
            message = f"periodic patches need a stride that divides the event; {self.stride} does not divide {domain}"
            raise ShapeError(message)
        return (math.prod(self._counts(domain)), *self.size)

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"{super().extra_repr()}, size={self.size}, stride={self.stride}, boundary={self.boundary!r}"
