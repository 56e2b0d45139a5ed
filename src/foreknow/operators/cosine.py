"""Cosine transforms: the orthonormal DCT, and the local cosine frame of overlapping windows."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from foreknow.operators.axes import split_complex
from foreknow.operators.base import LinearOperator, cast_like
from foreknow.operators.frames import frame_count, join_frames, split_frames, tight_window
from foreknow.shapes import Shape, event_axes


class DCT(LinearOperator):
    r"""The orthonormal discrete cosine transform (type II) along every axis of the event, in O(n log n).

    Orthonormal: the adjoint is the inverse (type III). Computed with one real FFT of the same length an axis (Makhoul, IEEE
    Trans. ASSP 28, 1980).

    Args:
        domain: shape of one event, or None for any.
        domain_dims: number of axes of one event; 1 if neither it nor ``domain`` is given.
    """

    gram_scale = 1.0
    cogram_scale = 1.0

    def __init__(self, domain: int | Shape | None = None, domain_dims: int | None = None) -> None:
        super().__init__(domain, 1 if domain is None and domain_dims is None else domain_dims)

    def _forward(self, x: Tensor) -> Tensor:
        for axis in event_axes(self.domain_dims):
            x = split_complex(dct, x.movedim(axis, -1)).movedim(-1, axis)
        return x

    def _adjoint(self, y: Tensor) -> Tensor:
        for axis in event_axes(self.domain_dims):
            y = split_complex(inverse_dct, y.movedim(axis, -1)).movedim(-1, axis)
        return y

    def _range_shape(self, domain: Shape) -> Shape:
        return domain


class LocalCosine(LinearOperator):
    r"""DCT of overlapping windows, a Parseval frame of local cosines: (\*batch, n) -> (\*batch, size, frames), A^* A = I.

    The real counterpart of `STFT`, for signals of any length. With ``hop = size`` and a flat window it is the orthonormal block
    DCT (up to zeros at the end).

    Args:
        window: its length (a Hann window is made) or the window itself, (size,), which is normalised for the hop.
        hop: distance of neighbouring windows, at most their length; a quarter of it if None.
        domain: length of the signal, or None for any.

    Raises:
        ParameterError: if the hop is not between 1 and the window's length, or the windows leave gaps.
    """

    gram_scale = 1.0
    window: Tensor

    def __init__(self, window: int | Tensor, hop: int | None = None, domain: int | Shape | None = None) -> None:
        super().__init__(domain, 1)
        tight, self.hop = tight_window(window, hop)
        self.register_buffer("window", tight)
        self.range_dims = 2

    def _forward(self, x: Tensor) -> Tensor:
        frames = split_frames(x, self.window.shape[0], self.hop) * cast_like(self.window, x)
        return split_complex(dct, frames).mT

    def _adjoint(self, y: Tensor) -> Tensor:
        frames = split_complex(inverse_dct, y.mT) * cast_like(self.window, y)
        return join_frames(frames, self.hop, self.domain[0])

    def _range_shape(self, domain: Shape) -> Shape:
        size = self.window.shape[0]
        return (size, frame_count(domain[0], size, self.hop))

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"{super().extra_repr()}, window={self.window.shape[0]}, hop={self.hop}"


def dct(x: Tensor) -> Tensor:
    """The orthonormal DCT-II of the last axis of a real tensor."""
    size = x.shape[-1]
    spectrum = torch.fft.rfft(torch.cat((x[..., ::2], x[..., 1::2].flip(-1)), dim=-1)) * _twiddle(size, x)
    # Coefficient k is the real part of bin k; coefficient size - k is minus its imaginary part.
    return torch.cat((spectrum.real, -spectrum.imag[..., 1 : (size + 1) // 2].flip(-1)), dim=-1)


def inverse_dct(x: Tensor) -> Tensor:
    """The inverse (and adjoint) of `dct`: the orthonormal DCT-III of the last axis of a real tensor."""
    size = x.shape[-1]
    half = size // 2
    imaginary = functional.pad(-x[..., size - half :].flip(-1), (1, 0))
    spectrum = torch.complex(x[..., : half + 1].contiguous(), imaginary) / _twiddle(size, x)
    samples = torch.fft.irfft(spectrum, size)
    even, odd = samples[..., : size - half], samples[..., size - half :].flip(-1)
    return torch.stack((even, functional.pad(odd, (0, size - 2 * half))), dim=-1).flatten(-2)[..., :size]


def _twiddle(size: int, x: Tensor) -> Tensor:
    """The quarter-sample phases times the normalisation, rounded once from float64."""
    angle = torch.arange(size // 2 + 1, dtype=torch.float64, device=x.device) * (-math.pi / (2 * size))
    scale = torch.full_like(angle, math.sqrt(2 / size))
    scale[0] = math.sqrt(1 / size)
    return torch.polar(scale, angle).to(x.dtype.to_complex())
