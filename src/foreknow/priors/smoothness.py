"""Squared finite differences: smoothness."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from foreknow.operators.axes import split_complex
from foreknow.operators.cosine import dct, inverse_dct
from foreknow.operators.difference import FiniteDifference
from foreknow.parameters import Parameter
from foreknow.priors.base import Prior
from foreknow.priors.elementwise import require_trailing_ones
from foreknow.priors.indicator import rounding_tolerance
from foreknow.shapes import event_axes, expand_event, squared_norm, sum_event


class Smoothness(Prior):
    r"""w/2 \|K x\|^2 with the finite differences K: neighbours are alike (Tikhonov 1963; a Gaussian random field).

    The proximal map solves (I + step w K^* K) z = x exactly in the basis that diagonalises K^* K: the cosine transform with Neumann
    ends, the Fourier transform with periodic ones. The conjugate is infinite for z with a mean along ``axes``, which K ignores.

    Args:
        weight: a number, a tensor of shape (\*batch, 1, ..., 1), or a `Parameter`.
        axes: the axes along which x is smooth, counted from the end; all of the event's if None.
        boundary: "neumann" (x goes on constant) or "periodic".
        event_dims: number of trailing axes that one value is computed over.

    Raises:
        ParameterError: if ``boundary`` is unknown or an axis is not one of the event's.
    """

    homogeneity = 2.0

    def __init__(
        self,
        weight: float | Tensor | Parameter = 1.0,
        axes: Sequence[int] | None = None,
        boundary: Literal["neumann", "periodic"] = "neumann",
        event_dims: int = 1,
    ) -> None:
        super().__init__(weight, event_dims)
        self.difference = FiniteDifference(domain_dims=event_dims, boundary=boundary, axes=axes)
        self.axes = self.difference.axes
        self.boundary = boundary

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:
        return self._per_item(weight) * squared_norm(self.difference(x), self.event_dims + 1) / 2

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        require_trailing_ones(threshold, event_axes(self.event_dims), "Smoothness")
        return self._synthesis(self._analysis(x) / (1 + threshold * self._eigenvalues(x)), x)

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:
        eigenvalues = self._eigenvalues(z)
        energy = squared_norm(self._analysis(z), 0)
        per_item = self._per_item(weight)
        value = sum_event(energy / torch.where(eigenvalues > 0, eigenvalues, torch.inf), self.event_dims)
        finite = self._in_range(z) & ((per_item > 0) | (value == 0))
        return torch.where(finite, value / (2 * torch.where(per_item > 0, per_item, 1.0)), torch.inf)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:
        finite = self._in_range(z) & ((self._per_item(weight) > 0) | (squared_norm(z, self.event_dims) == 0))
        return finite.to(z.real.dtype)

    def _flat_part(self, z: Tensor) -> Tensor:
        return z.mean(dim=self.axes, keepdim=True).expand_as(z)

    def _in_range(self, z: Tensor) -> Tensor:
        """Whether z has no mean along the axes, up to rounding."""
        mean = z.mean(dim=self.axes, keepdim=True).expand_as(z)
        return squared_norm(mean, self.event_dims) <= rounding_tolerance(z) ** 2 * squared_norm(z, self.event_dims)

    def _analysis(self, x: Tensor) -> Tensor:
        """Coefficients in the orthonormal basis of eigenvectors."""
        if self.boundary == "periodic":
            return torch.fft.fftn(x, dim=self.axes, norm="ortho")
        for axis in self.axes:
            x = split_complex(dct, x.movedim(axis, -1)).movedim(-1, axis)
        return x

    def _synthesis(self, y: Tensor, like: Tensor) -> Tensor:
        if self.boundary == "periodic":
            x = torch.fft.ifftn(y, dim=self.axes, norm="ortho")
            return x if like.is_complex() else x.real
        for axis in self.axes:
            y = split_complex(inverse_dct, y.movedim(axis, -1)).movedim(-1, axis)
        return y

    def _eigenvalues(self, x: Tensor) -> Tensor:
        """The eigenvalues of K^* K, of a shape that broadcasts against x."""
        total = torch.zeros((1,) * self.event_dims, dtype=torch.float64, device=x.device)
        for axis in self.axes:
            size = x.shape[axis]
            period = size if self.boundary == "periodic" else 2 * size
            sine = torch.sin(torch.arange(size, dtype=torch.float64, device=x.device) * (math.pi / period))
            total = total + expand_event(4 * sine.square(), -axis - 1)
        return total.to(x.real.dtype)

    def _symbol(self) -> str:
        return "|K {x}|^2 / 2"

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"axes={self.axes}, boundary={self.boundary!r}, event_dims={self.event_dims}"
