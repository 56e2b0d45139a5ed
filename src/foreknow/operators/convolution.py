"""Convolution between channels, and the convolutional dictionary."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from foreknow.errors import ShapeError
from foreknow.operators.axes import resize_event, split_complex
from foreknow.operators.base import LinearOperator, cast_like
from foreknow.operators.fft_convolution import (
    ConvolutionMode,
    convolved_shape,
    kernel_origin,
    transform_sizes,
    unconvolved_shape,
)
from foreknow.operators.spectrum import Spectrum, SpectrumMemo
from foreknow.shapes import Shape, event_axes

_FFT_TAPS = 16  # measured on one core: a direct sum is quicker for shorter kernels, by far slower for long ones


class Convolution(LinearOperator):
    r"""Multi-channel convolution: (\*batch, I, \*shape) -> (\*batch, O, \*shape).

    Output channel o is sum_i h[o, i] * x[i], a convolution in the sense of `FFTConvolution` (a network's layer is the correlation,
    which flips the kernel). It is summed directly where a kernel has few samples, and goes through the FFT where that is quicker.

    Args:
        kernel: (O, I, \*size), with a size of 1 to 3 axes, real; learnable if an ``nn.Parameter``.
        mode: "circular", "same" or "full", see `FFTConvolution`.
        origin: the sample of the kernel at lag zero, see `FFTConvolution`.
        domain: (I, \*shape), or None for any shape.

    The norm is the largest singular value of the O x I transfer matrices over all frequencies: exact where circular, an upper
    bound otherwise.

    Raises:
        ShapeError: if the kernel does not have 3 to 5 axes, or is longer than the event in "circular" mode.
        ParameterError: if ``origin`` is outside the kernel, or given in "full" mode.
    """

    kernel: Tensor
    memo: SpectrumMemo | None = None

    def __init__(
        self,
        kernel: Tensor,
        mode: ConvolutionMode = "same",
        origin: int | Sequence[int] | None = None,
        domain: Shape | None = None,
    ) -> None:
        if not 3 <= kernel.ndim <= 5 or kernel.is_complex():
            message = (
                f"a kernel is real with the axes (out, in, *size), 3 to 5 in all; this one has the shape {tuple(kernel.shape)}"
            )
            raise ShapeError(message)
        super().__init__(domain, kernel.ndim - 1)
        self._keep("kernel", kernel)
        self.size = tuple(kernel.shape[2:])
        self.mode = mode
        self.origin = kernel_origin(self.size, mode, origin)
        if self.bound:
            self._range_shape(self.domain)

    def _forward(self, x: Tensor) -> Tensor:
        if math.prod(self.size) >= _FFT_TAPS:
            domain = tuple(x.shape[x.ndim - self.domain_dims :])
            spectrum = self.spectrum(domain, x.dtype)
            return resize_event(spectrum.inverse(spectrum.apply(spectrum.transform(x))), self._range_shape(domain)[1:])
        kernel = cast_like(self.kernel, x)
        return split_complex(lambda part: convolve(part, kernel, self.mode, self.origin), x)

    def _adjoint(self, y: Tensor) -> Tensor:
        if math.prod(self.size) >= _FFT_TAPS:
            spectrum = self.spectrum(self.domain, y.dtype)
            return resize_event(spectrum.inverse(spectrum.apply_adjoint(spectrum.transform(y))), self.domain[1:])
        kernel = cast_like(self.kernel, y)
        return split_complex(lambda part: convolve_adjoint(part, kernel, self.mode, self.origin), y)

    def spectrum(self, domain: Shape, dtype: torch.dtype) -> Spectrum:
        r"""The transfer matrices (O, I, \*frequencies) on events of shape ``domain``, for signals of type ``dtype``."""
        source = Spectrum if self.memo is None else self.memo
        return source.of_kernel(self.kernel, self.origin, transform_sizes(domain[1:], self.size, self.mode), dtype)

    def _norm(self) -> Tensor:
        return transfer_norm(self.kernel, self.domain[1:], self.mode)

    def _range_shape(self, domain: Shape) -> Shape:
        outputs, inputs = self.kernel.shape[:2]
        _require_channels(inputs, domain, "takes")
        return (outputs, *convolved_shape(domain[1:], self.size, self.mode))

    def _domain_shape(self, range_shape: Shape) -> Shape:
        outputs, inputs = self.kernel.shape[:2]
        _require_channels(outputs, range_shape, "gives")
        return (inputs, *unconvolved_shape(range_shape[1:], self.size, self.mode))

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"{super().extra_repr()}, kernel={tuple(self.kernel.shape)}, mode={self.mode!r}"


class Dictionary(LinearOperator):
    r"""Synthesis from a convolutional dictionary: (\*batch, K, \*shape) -> (\*batch, \*shape), y = sum_k d_k * x_k.

    The coefficient maps x_k say where atom d_k occurs and how strongly; the atom lies around its place as ``origin`` says. Atoms of
    few samples are summed directly, longer ones go through the FFT.

    Args:
        atoms: (K, \*size), with a size of 1 to 3 axes, real; learnable if an ``nn.Parameter``.
        mode: "circular", "same" or "full", see `FFTConvolution`.
        origin: the sample of an atom at lag zero, see `FFTConvolution`; 0 lets an atom begin at its place.
        domain: (K, \*shape), or None for any shape.

    The norm is the root of the largest sum of squared transfer functions over all frequencies: exact where circular, an upper
    bound otherwise.

    Raises:
        ShapeError: if ``atoms`` do not have 2 to 4 axes, or are longer than the event in "circular" mode.
        ParameterError: if ``origin`` is outside the atoms, or given in "full" mode.
    """

    atoms: Tensor
    memo: SpectrumMemo | None = None

    def __init__(
        self,
        atoms: Tensor,
        mode: ConvolutionMode = "same",
        origin: int | Sequence[int] | None = None,
        domain: Shape | None = None,
    ) -> None:
        if not 2 <= atoms.ndim <= 4 or atoms.is_complex():
            message = f"atoms are real with the axes (K, *size), 2 to 4 in all; these have the shape {tuple(atoms.shape)}"
            raise ShapeError(message)
        super().__init__(domain, atoms.ndim)
        self._keep("atoms", atoms)
        self.size = tuple(atoms.shape[1:])
        self.mode = mode
        self.origin = kernel_origin(self.size, mode, origin)
        self.range_dims = self.domain_dims - 1
        if self.bound:
            self._range_shape(self.domain)

    def _forward(self, x: Tensor) -> Tensor:
        if math.prod(self.size) >= _FFT_TAPS:
            domain = tuple(x.shape[x.ndim - self.domain_dims :])
            spectrum = self.spectrum(domain, x.dtype)
            product = spectrum.apply(spectrum.transform(x)).squeeze(-self.domain_dims)
            return resize_event(spectrum.inverse(product), self._range_shape(domain))
        kernel = cast_like(self.atoms, x)[None]
        return split_complex(lambda part: convolve(part, kernel, self.mode, self.origin), x).squeeze(-self.domain_dims)

    def _adjoint(self, y: Tensor) -> Tensor:
        if math.prod(self.size) >= _FFT_TAPS:
            spectrum = self.spectrum(self.domain, y.dtype)
            product = spectrum.apply_adjoint(spectrum.transform(y).unsqueeze(-self.domain_dims))
            return resize_event(spectrum.inverse(product), self.domain[1:])
        kernel = cast_like(self.atoms, y)[None]
        return split_complex(lambda part: convolve_adjoint(part, kernel, self.mode, self.origin), y.unsqueeze(-self.domain_dims))

    def spectrum(self, domain: Shape, dtype: torch.dtype) -> Spectrum:
        r"""The transfer functions (1, K, \*frequencies) on events of shape ``domain``, for signals of type ``dtype``."""
        source = Spectrum if self.memo is None else self.memo
        return source.of_kernel(self.atoms[None], self.origin, transform_sizes(domain[1:], self.size, self.mode), dtype)

    def _norm(self) -> Tensor:
        return transfer_norm(self.atoms[None], self.domain[1:], self.mode)

    def _range_shape(self, domain: Shape) -> Shape:
        _require_channels(self.atoms.shape[0], domain, "takes")
        return convolved_shape(domain[1:], self.size, self.mode)

    def _domain_shape(self, range_shape: Shape) -> Shape:
        return (self.atoms.shape[0], *unconvolved_shape(range_shape, self.size, self.mode))

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"{super().extra_repr()}, atoms={tuple(self.atoms.shape)}, mode={self.mode!r}"


def convolve(x: Tensor, kernel: Tensor, mode: ConvolutionMode, origin: Shape) -> Tensor:
    """Convolution between channels of a real tensor: (..., I, *shape) and (O, I, *size) -> (..., O, *shape)."""
    size = tuple(kernel.shape[2:])
    before = tuple(taps - 1 - start for taps, start in zip(size, origin, strict=True))
    after = before if mode == "full" else origin
    return _correlate(x, kernel.flip(event_axes(len(size))), before, after, circular=mode == "circular")


def convolve_adjoint(y: Tensor, kernel: Tensor, mode: ConvolutionMode, origin: Shape) -> Tensor:
    """The adjoint of `convolve`: correlation with the kernel, its channels exchanged."""
    size = tuple(kernel.shape[2:])
    rest = tuple(taps - 1 - start for taps, start in zip(size, origin, strict=True))
    before, after = ((0,) * len(size),) * 2 if mode == "full" else (origin, rest)
    return _correlate(y, kernel.transpose(0, 1), before, after, circular=mode == "circular")


def _correlate(x: Tensor, kernel: Tensor, before: Shape, after: Shape, *, circular: bool) -> Tensor:
    """Correlation with (O, I, *size) after padding, for any number of batch axes."""
    dims = kernel.ndim - 2
    batch = x.shape[: x.ndim - dims - 1]
    x = x.reshape(math.prod(batch), *x.shape[x.ndim - dims - 1 :])
    pads = [number for pair in zip(reversed(before), reversed(after), strict=True) for number in pair]
    if any(pads):
        x = functional.pad(x, pads, mode="circular" if circular else "constant")
    output = (functional.conv1d, functional.conv2d, functional.conv3d)[dims - 1](x, kernel)
    return output.reshape(batch + output.shape[1:])


def transfer_norm(kernel: Tensor, shape: Shape, mode: ConvolutionMode) -> Tensor:
    """The largest singular value over frequencies of the transfer matrices of a kernel (O, I, *size)."""
    sizes = transform_sizes(shape, tuple(kernel.shape[2:]), mode)
    return Spectrum.of_kernel(kernel, (0,) * len(sizes), sizes, kernel.dtype).norm()


def _require_channels(channels: int, shape: Shape, verb: str) -> None:
    if shape[0] != channels:
        message = f"this convolution {verb} events with {channels} channels in the first axis, not of the shape {shape}"
        raise ShapeError(message)
