"""Convolution with one kernel through the FFT."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from foreknow.errors import ParameterError, ShapeError
from foreknow.operators.axes import fast_length, per_axis, resize_event
from foreknow.operators.base import LinearOperator
from foreknow.operators.spectrum import Spectrum, SpectrumMemo
from foreknow.shapes import Shape, event_axes

ConvolutionMode = Literal["circular", "same", "full"]


class FFTConvolution(LinearOperator):
    r"""Convolution with one kernel, in O(n log n) whatever the kernel's length: y[n] = sum_m h[m] x[n + origin - m].

    Args:
        kernel: (\*size), of 1 to 3 axes, real or complex; learnable if an ``nn.Parameter``.
        mode: "circular" (x is periodic), "same" (x is zero outside; the output has the length of the input) or "full" (x is zero
            outside; the output has every sample that is not zero, size - 1 more than the input).
        origin: the sample of the kernel at lag zero, one number or one an axis; its middle, (size - 1) // 2, if None. An
            impulse response has origin 0. In "full" mode it is always 0.
        domain: shape of one event, or None for any.

    The norm is the largest modulus of the transfer function: exact where circular, an upper bound otherwise.

    Raises:
        ShapeError: if the kernel has more than three axes, or is longer than the event in "circular" mode.
        ParameterError: if ``origin`` is outside the kernel, or given in "full" mode.
    """

    kernel: Tensor
    memo: SpectrumMemo | None = None

    def __init__(
        self,
        kernel: Tensor,
        mode: ConvolutionMode = "circular",
        origin: int | Sequence[int] | None = None,
        domain: int | Shape | None = None,
    ) -> None:
        if not 1 <= kernel.ndim <= 3:
            message = f"a convolution kernel has 1 to 3 axes; this one has the shape {tuple(kernel.shape)}"
            raise ShapeError(message)
        super().__init__(domain, kernel.ndim)
        self._keep("kernel", kernel)
        self.mode = mode
        self.origin = kernel_origin(tuple(kernel.shape), mode, origin)
        self.complex_domain = self.complex_range = kernel.is_complex()
        if self.bound:
            self._range_shape(self.domain)

    def _forward(self, x: Tensor) -> Tensor:
        domain = tuple(x.shape[x.ndim - self.domain_dims :])
        spectrum = self.spectrum(domain, x.dtype)
        return resize_event(spectrum.inverse(spectrum.transfer[0, 0] * spectrum.transform(x)), self._range_shape(domain))

    def _adjoint(self, y: Tensor) -> Tensor:
        spectrum = self.spectrum(self.domain, y.dtype)
        return resize_event(spectrum.inverse(spectrum.conjugate[0, 0] * spectrum.transform(y)), self.domain)

    def spectrum(self, domain: Shape, dtype: torch.dtype) -> Spectrum:
        r"""The transfer function (1, 1, \*frequencies) on events of shape ``domain``, for signals of type ``dtype``."""
        sizes = transform_sizes(domain, tuple(self.kernel.shape), self.mode)
        source = Spectrum if self.memo is None else self.memo
        return source.of_kernel(self.kernel[None, None], self.origin, sizes, dtype)

    def _norm(self) -> Tensor:
        sizes = transform_sizes(self.domain, tuple(self.kernel.shape), self.mode)
        return torch.fft.fftn(self.kernel, sizes, dim=event_axes(self.domain_dims)).abs().amax()

    def _range_shape(self, domain: Shape) -> Shape:
        return convolved_shape(domain, tuple(self.kernel.shape), self.mode)

    def _domain_shape(self, range_shape: Shape) -> Shape:
        return unconvolved_shape(range_shape, tuple(self.kernel.shape), self.mode)

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"{super().extra_repr()}, kernel={tuple(self.kernel.shape)}, mode={self.mode!r}"


def kernel_origin(size: Shape, mode: ConvolutionMode, origin: int | Sequence[int] | None) -> Shape:
    """The index of the kernel's sample at lag zero, checked."""
    if mode not in {"circular", "same", "full"}:
        message = f"the mode of a convolution is 'circular', 'same' or 'full', not {mode!r}"
        raise ParameterError(message)
    if mode == "full":
        if origin is not None:
            message = "a 'full' convolution has its origin at 0; leave origin out or use mode='same'"
            raise ParameterError(message)
        return (0,) * len(size)
    if origin is None:
        return tuple((length - 1) // 2 for length in size)
    starts = per_axis(origin, len(size), "origin")
    if any(not 0 <= start < length for start, length in zip(starts, size, strict=True)):
        message = f"origin {starts} is outside the kernel of shape {size}"
        raise ParameterError(message)
    return starts


def transform_sizes(domain: Shape, size: Shape, mode: ConvolutionMode) -> Shape:
    """The FFT lengths at which circular convolution equals the wanted one."""
    if mode == "circular":
        return domain
    return tuple(fast_length(length + taps - 1) for length, taps in zip(domain, size, strict=True))


def convolved_shape(domain: Shape, size: Shape, mode: ConvolutionMode) -> Shape:
    """The shape of the output.

    Raises:
        ShapeError: if the kernel is longer than the event in "circular" mode.
    """
    if mode == "circular" and any(taps > length for length, taps in zip(domain, size, strict=True)):
        message = f"a circular convolution needs a kernel no longer than the event; the shapes are {size} and {domain}"
        raise ShapeError(message)
    if mode == "full":
        return tuple(length + taps - 1 for length, taps in zip(domain, size, strict=True))
    return domain


def unconvolved_shape(range_shape: Shape, size: Shape, mode: ConvolutionMode) -> Shape:
    """The shape of the input that gives an output of shape ``range_shape``.

    Raises:
        ShapeError: if no input is long enough.
    """
    domain = range_shape
    if mode == "full":
        domain = tuple(length - taps + 1 for length, taps in zip(range_shape, size, strict=True))
        if min(domain) < 1:
            message = (
                f"no 'full' convolution with a kernel of shape {size} gives events of shape {range_shape}: the kernel is longer"
            )
            raise ShapeError(message)
    convolved_shape(domain, size, mode)
    return domain
