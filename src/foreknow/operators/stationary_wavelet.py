"""The undecimated wavelet transform as a Parseval frame."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from foreknow.operators.base import LinearOperator
from foreknow.operators.filter_bank import FilterBank
from foreknow.operators.wavelet_steps import as_filter_bank, detail_kinds, require_levels
from foreknow.shapes import Shape, event_axes


class StationaryWavelet(LinearOperator):
    r"""Undecimated (stationary, a trous) wavelet transform, periodic: (\*batch, \*shape) -> (\*batch, bands, \*shape), A^* A = I.

    Shifting the signal shifts the coefficients, so that thresholding them leaves no trace of where the grid of a decimated
    transform happens to lie (cycle spinning, Coifman and Donoho 1995). Each level is divided by sqrt 2 an axis, which makes the
    frame Parseval; computed in the frequency domain, for events of any size.

    Args:
        filters: a name ("db10"; any orthogonal wavelet of PyWavelets), lattice angles, or a `FilterBank` (shared, not copied).
        levels: number of levels.
        domain: shape of one event, or None for any.
        domain_dims: number of axes of one event; 1 if neither it nor ``domain`` is given.
        learnable: whether the angles are to be learned; for a `FilterBank`, that one says so.

    Raises:
        ParameterError: if a name is unknown or ``levels`` is not positive.
    """

    gram_scale = 1.0

    def __init__(
        self,
        filters: str | Tensor | Sequence[float] | FilterBank,
        levels: int,
        domain: int | Shape | None = None,
        domain_dims: int | None = None,
        *,
        learnable: bool = False,
    ) -> None:
        super().__init__(domain, 1 if domain is None and domain_dims is None else domain_dims)
        require_levels(levels, "periodic")
        self.filter_bank = as_filter_bank(filters, learnable=learnable)
        self.levels = levels
        self.range_dims = self.domain_dims + 1
        self._kept: tuple[tuple[Shape, torch.dtype, torch.device], Tensor, Tensor] | None = None

    def kinds(self) -> list[tuple[int, str]]:
        """The level (1 is the finest) and kind of each band in order; a letter an axis, "a" approximation and "d" detail."""
        return [(self.levels, "a" * self.domain_dims)] + [
            (level, kind) for level in range(self.levels, 0, -1) for kind in detail_kinds(self.domain_dims)
        ]

    def _forward(self, x: Tensor) -> Tensor:
        axes = event_axes(self.domain_dims)
        shape = tuple(x.shape[x.ndim - self.domain_dims :])
        responses = self._responses(shape, x)
        if x.is_complex():
            return torch.fft.ifftn(torch.fft.fftn(x, dim=axes).unsqueeze(-self.range_dims) * responses, dim=axes)
        spectrum = torch.fft.rfftn(x, dim=axes).unsqueeze(-self.range_dims)
        return torch.fft.irfftn(spectrum * responses, shape, dim=axes)

    def _adjoint(self, y: Tensor) -> Tensor:
        axes = event_axes(self.domain_dims)
        responses = self._responses(self.domain, y).conj()
        if y.is_complex():
            return torch.fft.ifftn((torch.fft.fftn(y, dim=axes) * responses).sum(dim=-self.range_dims), dim=axes)
        return torch.fft.irfftn((torch.fft.rfftn(y, dim=axes) * responses).sum(dim=-self.range_dims), self.domain, dim=axes)

    def _responses(self, shape: Shape, x: Tensor) -> Tensor:
        """The frequency response of each band in the order of `kinds`, (bands, *shape); for real x half of the last axis.

        The last one is kept, unless it carries gradients: an iteration asks for the same one again and again.
        """
        filters = self.filter_bank()
        key = (shape, x.dtype, x.device)
        if not filters.requires_grad and self._kept is not None and self._kept[0] == key and torch.equal(self._kept[1], filters):
            return self._kept[2]
        responses = self._compute_responses(filters, shape, x)
        self._kept = None if filters.requires_grad else (key, filters.detach().clone(), responses)
        return responses

    def _compute_responses(self, filters: Tensor, shape: Shape, x: Tensor) -> Tensor:
        products = [self._axis_responses(filters, size) for size in shape]
        if not x.is_complex():
            products[-1] = products[-1][..., : shape[-1] // 2 + 1]
        bands = []
        for level, kind in self.kinds():
            band = torch.ones((), dtype=torch.complex128, device=x.device)
            for product, letter in zip(products, kind, strict=True):
                band = band[..., None] * product[level - 1, int(letter == "d")]
            bands.append(band)
        return torch.stack(bands).to(x.dtype.to_complex())

    def _axis_responses(self, filters: Tensor, size: int) -> Tensor:
        """The responses of approximation and detail after each level along one axis, (levels, 2, size)."""
        taps = filters.shape[-1]
        frequency = torch.arange(size, device=filters.device)
        lags = torch.arange(taps, device=filters.device)
        below = torch.ones(size, dtype=torch.complex128, device=filters.device)
        responses = []
        for level in range(self.levels):
            # Integer phases, so that they are exact: the filter with 2^level - 1 zeros between its taps.
            phase = ((lags[:, None] * frequency * 2**level) % size).to(torch.float64) * (2 * math.pi / size)
            both = (filters.to(torch.complex128) @ torch.polar(torch.ones_like(phase), phase)) * math.sqrt(0.5)
            responses.append(both * below)
            below = below * both[0]
        return torch.stack(responses)

    def _range_shape(self, domain: Shape) -> Shape:
        return (1 + self.levels * (2**self.domain_dims - 1), *domain)

    def _domain_shape(self, range_shape: Shape) -> Shape:
        domain = range_shape[1:]
        return domain if self._range_shape(domain) == range_shape else super()._domain_shape(range_shape)

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"{super().extra_repr()}, levels={self.levels}"
