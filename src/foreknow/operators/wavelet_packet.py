"""The orthonormal wavelet packet transform: the full tree of sub-bands, all of one width."""

import itertools
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
    extend,
    extended_shape,
    require_levels,
    restrict,
    synthesise,
    unextended_shape,
)
from foreknow.shapes import Shape, event_axes


class WaveletPacket(LinearOperator):
    r"""The full wavelet packet tree along each axis: 2^levels sub-bands an axis in the order of rising frequency; W^* W = I.

    The arguments, the boundaries and the padding are those of `Wavelet`; the coefficients of an axis are those of the first
    sub-band, then of the second, and so on (`bands` names them).

    Args:
        filters: a name ("db10"; any orthogonal wavelet of PyWavelets), lattice angles, or a `FilterBank` (shared, not copied).
        levels: depth of the tree.
        domain: shape of one event, or None for any.
        domain_dims: number of axes of one event; 1 if neither it nor ``domain`` is given.
        boundary: "periodic" or "symmetric", see `Wavelet`.
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

    def bands(self) -> list[Band]:
        """The sub-bands, the last axis varying fastest; the kind is the path of each axis, joined by a comma.

        Raises:
            UnboundError: if the operator was declared for any shape and not bound.
        """
        paths = packet_paths(self.levels)
        bands = []
        for index in itertools.product(range(len(paths)), repeat=self.domain_dims):
            widths = [size // len(paths) for size in self.range]
            slices = tuple(slice(width * number, width * (number + 1)) for width, number in zip(widths, index, strict=True))
            bands.append(Band(self.levels, ",".join(paths[number] for number in index), slices))
        return bands

    def _forward(self, x: Tensor) -> Tensor:
        shape = self._range_shape(tuple(x.shape[x.ndim - self.domain_dims :]))
        filters = cast_like(self.filter_bank(), x.real)
        x = extend(x, shape, self.boundary)
        for axis in event_axes(self.domain_dims):
            x = split_complex(lambda part: self._analyse(part, filters), x.movedim(axis, -1)).movedim(-1, axis)
        return x

    def _adjoint(self, y: Tensor) -> Tensor:
        filters = cast_like(self.filter_bank(), y.real)
        for axis in event_axes(self.domain_dims):
            y = split_complex(lambda part: self._synthesise(part, filters), y.movedim(axis, -1)).movedim(-1, axis)
        return restrict(y, self.domain, self.boundary)

    def _analyse(self, x: Tensor, filters: Tensor) -> Tensor:
        x = x[..., None, :]
        for _ in range(self.levels):
            x = _swap_odd(analyse(x, filters)).flatten(-3, -2)
        return x.flatten(-2)

    def _synthesise(self, y: Tensor, filters: Tensor) -> Tensor:
        y = y.unflatten(-1, (2**self.levels, -1))
        for _ in range(self.levels):
            y = synthesise(_swap_odd(y.unflatten(-2, (-1, 2))), filters)
        return y[..., 0, :]

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


def packet_paths(levels: int) -> list[str]:
    """The paths of the leaves in the order of rising frequency: "aa", "ad", "dd", "da" for two levels (a Gray code)."""
    paths = [""]
    for _ in range(levels):
        paths = [path + letter for number, path in enumerate(paths) for letter in ("ad" if number % 2 == 0 else "da")]
    return paths


def _swap_odd(x: Tensor) -> Tensor:
    """Exchange approximation and detail of every second node, (..., nodes, 2, n): decimation mirrored its frequencies."""
    if x.shape[-3] == 1:
        return x
    pairs = x.unflatten(-3, (-1, 2))
    return torch.stack((pairs[..., 0, :, :], pairs[..., 1, :, :].flip(-2)), dim=-3).flatten(-4, -3)
