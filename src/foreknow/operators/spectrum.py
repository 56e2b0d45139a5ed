"""Convolution between channels as the Fourier transform sees it: one small matrix a frequency."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from foreknow.operators.axes import resize_event
from foreknow.shapes import Shape, event_axes


@dataclass(frozen=True)
class Spectrum:
    r"""The transfer matrices H(f) of a convolution that is periodic in ``sizes``: Y_o(f) = sum_i H_oi(f) X_i(f).

    Attributes:
        transfer: (O, I, \*frequencies), complex, or of size 1 along frequencies that it does not depend on.
        sizes: the lengths of the Fourier transform, one an axis.
        full: whether all frequencies are kept; else the half that real signals and kernels need (`torch.fft.rfftn`).
    """

    transfer: Tensor
    sizes: Shape
    full: bool

    @classmethod
    def of_kernel(cls, kernel: Tensor, origin: Shape, sizes: Shape, dtype: torch.dtype) -> "Spectrum":
        r"""The spectrum of a kernel with its sample ``origin`` at lag zero.

        Args:
            kernel: (O, I, \*size), real or complex.
            origin: one index an axis.
            sizes: lengths of the Fourier transform, at least those of the kernel.
            dtype: of the signals to be convolved; it decides the precision, and whether all frequencies are needed.
        """
        axes = event_axes(len(sizes))
        real = dtype.to_real()
        kernel = kernel.to(real.to_complex() if kernel.is_complex() else real)
        kernel = resize_event(kernel, sizes).roll([-start for start in origin], axes)
        full = dtype.is_complex or kernel.is_complex()
        return cls(torch.fft.fftn(kernel, dim=axes) if full else torch.fft.rfftn(kernel, dim=axes), sizes, full)

    @cached_property
    def conjugate(self) -> Tensor:
        """The complex conjugate of ``transfer``, kept because every adjoint asks for it."""
        return self.transfer.conj().resolve_conj()

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes that are transformed, counted from the end."""
        return event_axes(len(self.sizes))

    def transform(self, x: Tensor) -> Tensor:
        r"""(..., \*shape) -> (..., \*frequencies), with zeros up to ``sizes`` where the shape is smaller."""
        return torch.fft.fftn(x, self.sizes, dim=self.axes) if self.full else torch.fft.rfftn(x, self.sizes, dim=self.axes)

    def inverse(self, x: Tensor) -> Tensor:
        r"""(..., \*frequencies) -> (..., \*sizes)."""
        return torch.fft.ifftn(x, self.sizes, dim=self.axes) if self.full else torch.fft.irfftn(x, self.sizes, dim=self.axes)

    def apply(self, x: Tensor) -> Tensor:
        r"""H X, (..., I, \*frequencies) -> (..., O, \*frequencies)."""
        return _mix(self.transfer, x, len(self.sizes))

    def apply_adjoint(self, y: Tensor) -> Tensor:
        r"""H^* Y, (..., O, \*frequencies) -> (..., I, \*frequencies)."""
        return _mix(self.conjugate.transpose(0, 1), y, len(self.sizes))

    def subtract_adjoint(self, x: Tensor, y: Tensor) -> Tensor:
        r"""X - H^* Y, (..., I, \*frequencies), in one pass over X where H has one row."""
        if self.transfer.shape[0] == 1:
            return torch.addcmul(x, self.conjugate[0], y, value=-1)
        return x - self.apply_adjoint(y)

    def cogram(self) -> Tensor:
        r"""H H^*, (O, O, \*frequencies)."""
        if self.transfer.shape[0] == 1:
            return (self.transfer.real.square() + self.transfer.imag.square()).sum(dim=1, keepdim=True)
        return torch.einsum("oi...,pi...->op...", self.transfer, self.conjugate)

    def norm(self) -> Tensor:
        """The largest singular value of all transfer matrices, ()."""
        if min(self.transfer.shape[:2]) == 1:
            return torch.linalg.vector_norm(self.transfer, dim=(0, 1)).amax()
        return torch.linalg.matrix_norm(self.transfer.flatten(2).movedim(-1, 0), 2).amax()


class SpectrumMemo:
    """Spectra computed once: what an operator keeps whose kernel does not change (`foreknow.operators.frozen`)."""

    def __init__(self) -> None:
        self._known: dict[tuple[Shape, torch.dtype], Spectrum] = {}

    def of_kernel(self, kernel: Tensor, origin: Shape, sizes: Shape, dtype: torch.dtype) -> Spectrum:
        """As `Spectrum.of_kernel`, of always the same kernel and origin."""
        if (sizes, dtype) not in self._known:
            self._known[sizes, dtype] = Spectrum.of_kernel(kernel, origin, sizes, dtype)
        return self._known[sizes, dtype]


def _mix(matrices: Tensor, x: Tensor, dims: int) -> Tensor:
    """The matrix-vector product at every frequency, of matrices (O, I, *frequencies) and vectors (..., I, *frequencies)."""
    outputs, inputs = matrices.shape[:2]
    if inputs == 1:
        return matrices[:, 0] * x
    if outputs == 1:
        return (matrices[0] * x).sum(dim=-dims - 1, keepdim=True)
    shape = torch.broadcast_shapes(matrices.shape[2:], x.shape[x.ndim - dims :])
    flat = matrices.expand(outputs, inputs, *shape).reshape(outputs, inputs, math.prod(shape))
    product = torch.einsum("oif,...if->...of", flat, x.expand(*x.shape[: x.ndim - dims], *shape).flatten(x.ndim - dims))
    return product.unflatten(-1, shape)
