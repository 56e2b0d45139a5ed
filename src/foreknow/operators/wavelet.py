"""The orthonormal wavelet transform with filters in lattice angles."""

from collections.abc import Sequence

import torch
from torch import Tensor

from foreknow.operators.axes import split_complex
from foreknow.operators.base import LinearOperator, cast_like
from foreknow.operators.filter_bank import FilterBank
from foreknow.operators.wavelet_steps import (
    Band,
    Boundary,
    analyse,
    as_filter_bank,
    detail_kinds,
    extend,
    extended_shape,
    require_levels,
    restrict,
    synthesise,
    unextended_shape,
)
from foreknow.shapes import Shape, event_axes


class Wavelet(LinearOperator):
    r"""The discrete wavelet transform of signals, images or volumes (separable): W^* W = I for any angles, length and boundary.

    Synthesis is the adjoint, ``wavelet.T``. The coefficients have the layout of PyWavelets' ``coeffs_to_array``: the approximation
    in the corner of low indices, the details of the coarsest level next to it, the finest last; `bands` names them.

    Lengths are padded with zeros to a multiple of 2^levels. Boundaries:

    - "periodic": the last sample is followed by the first. For lengths that need no padding W is orthonormal (W W^* = I too) and
      equals PyWavelets' mode "periodization".
    - "symmetric": the signal is followed by its mirror image, both divided by sqrt 2, and that is periodic. No jump arises at the
      ends, for twice as many coefficients an axis; W stays an isometry. (Orthonormal filters other than Haar's have no critically
      sampled symmetric extension that does.) Best with lengths that are multiples of 2^(levels - 1), which need no padding.

    Args:
        filters: a name ("db10"; any orthogonal wavelet of PyWavelets), lattice angles, or a `FilterBank` (shared, not copied).
        levels: number of levels.
        domain: shape of one event, or None for any.
        domain_dims: number of axes of one event; 1 if neither it nor ``domain`` is given.
        boundary: see above.
        learnable: whether the angles are to be learned; for a `FilterBank`, that one says so.

    Raises:
        ParameterError: if a name is unknown, ``levels`` is not positive or ``boundary`` is unknown.
    """

    gram_scale = 1.0

    def __init__(
        self,
        filters: str | Tensor | Sequence[float] | FilterBank,
        levels: int,
        domain: int | Shape | None = None,
        domain_dims: int | None = None,
        *,
        boundary: Boundary = "periodic",
        learnable: bool = False,
    ) -> None:
        super().__init__(domain, 1 if domain is None and domain_dims is None else domain_dims)
        require_levels(levels, boundary)
        self.filter_bank = as_filter_bank(filters, learnable=learnable)
        self.levels = levels
        self.boundary: Boundary = boundary
        self.cogram_scale = 1.0 if self.bound and self.range == self.domain else None

    @property
    def scaling_filter(self) -> Tensor:
        """The low-pass filter in synthesis order, (taps,), float64; ``rec_lo`` of PyWavelets."""
        return self.filter_bank.scaling_filter

    @property
    def wavelet_filter(self) -> Tensor:
        """The high-pass filter in synthesis order, (taps,), float64; ``rec_hi`` of PyWavelets."""
        return self.filter_bank.wavelet_filter

    def bands(self) -> list[Band]:
        """The sub-bands, approximation first, then from the coarsest level to the finest.

        Raises:
            UnboundError: if the operator was declared for any shape and not bound.
        """
        return wavelet_bands(self.range, self.levels)

    def _forward(self, x: Tensor) -> Tensor:
        shape = self._range_shape(tuple(x.shape[x.ndim - self.domain_dims :]))
        filters = cast_like(self.filter_bank(), x.real)
        return split_complex(lambda part: self._analyse(part, filters, self.levels), extend(x, shape, self.boundary))

    def _adjoint(self, y: Tensor) -> Tensor:
        filters = cast_like(self.filter_bank(), y.real)
        return restrict(split_complex(lambda part: self._synthesise(part, filters, self.levels), y), self.domain, self.boundary)

    def _analyse(self, x: Tensor, filters: Tensor, levels: int) -> Tensor:
        for axis in event_axes(self.domain_dims):
            x = analyse(x.movedim(axis, -1), filters).flatten(-2).movedim(-1, axis)
        if levels == 1:
            return x
        return self._with_corner(x, self._analyse(self._corner(x), filters, levels - 1))

    def _synthesise(self, y: Tensor, filters: Tensor, levels: int) -> Tensor:
        if levels > 1:
            y = self._with_corner(y, self._synthesise(self._corner(y), filters, levels - 1))
        for axis in event_axes(self.domain_dims):
            y = synthesise(y.movedim(axis, -1).unflatten(-1, (2, -1)), filters).movedim(-1, axis)
        return y

    def _corner(self, x: Tensor) -> Tensor:
        """The approximation: the low half of each event axis."""
        for axis in event_axes(self.domain_dims):
            x = x.narrow(axis, 0, x.shape[axis] // 2)
        return x

    def _with_corner(self, x: Tensor, corner: Tensor) -> Tensor:
        """X with another approximation, out of place."""
        for axis in event_axes(self.domain_dims):
            # Grow the corner along one axis at a time by the block of x that lies next to it.
            block = x
            for later in range(axis + 1, 0):
                block = block.narrow(later, 0, x.shape[later] // 2)
            half = x.shape[axis] // 2
            corner = torch.cat((corner, block.narrow(axis, half, half)), dim=axis)
        return corner

    def _range_shape(self, domain: Shape) -> Shape:
        return extended_shape(domain, self.levels, self.boundary)

    def _domain_shape(self, range_shape: Shape) -> Shape:
        domain = unextended_shape(range_shape, self.boundary)
        return domain if min(domain) > 0 and self._range_shape(domain) == range_shape else super()._domain_shape(range_shape)

    def _rebound(self, domain: Shape) -> LinearOperator:
        clone = super()._rebound(domain)
        clone.cogram_scale = 1.0 if clone.range == clone.domain else None
        return clone

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"{super().extra_repr()}, levels={self.levels}, boundary={self.boundary!r}"


def wavelet_bands(shape: Shape, levels: int) -> list[Band]:
    """The sub-bands of coefficients of shape ``shape``, approximation first, then from the coarsest level to the finest."""
    dims = len(shape)
    bands = [Band(levels, "a" * dims, tuple(slice(0, size >> levels) for size in shape))]
    for level in range(levels, 0, -1):
        for kind in detail_kinds(dims):
            halves = [(size >> level, letter == "d") for size, letter in zip(shape, kind, strict=True)]
            bands.append(Band(level, kind, tuple(slice(half * detail, half * (1 + detail)) for half, detail in halves)))
    return bands
