"""The short-time Fourier transform as a Parseval frame."""

import math

import torch
from torch import Tensor

from foreknow.errors import DataError
from foreknow.operators.base import LinearOperator, cast_like
from foreknow.operators.frames import frame_count, join_frames, split_frames, tight_window
from foreknow.shapes import Shape


class STFT(LinearOperator):
    r"""Short-time Fourier transform of real signals, exactly Parseval: (\*batch, n) -> (\*batch, size // 2 + 1, frames), complex.

    A^* A = I for signals of any length, any window that leaves no gaps and any hop up to its length: the energy of the
    coefficients is that of the signal, synthesis is the adjoint, the norm is 1. Three things make it so:

    - every frame that meets the signal is kept, the first and last reaching over its ends into zeros;
    - the window is divided by the root of the sum of its squared copies (a Hann window at a hop of a quarter only changes scale);
    - the spectrum is one-sided, and the bins that stand for two (all but zero and, for even sizes, Nyquist) carry a factor sqrt 2.

    So the coefficients are those of `torch.stft` times a constant, and the modulus of a bin is what soft-thresholding should see.

    Args:
        window: its length (a Hann window is made) or the window itself, (size,), which is normalised for the hop.
        hop: distance of neighbouring windows, at most their length; a quarter of it if None.
        domain: length of the signal, or None for any.

    Raises:
        ParameterError: if the hop is not between 1 and the window's length, or the windows leave gaps.
        DataError: on complex input.
    """

    gram_scale = 1.0
    complex_range = True
    window: Tensor

    def __init__(self, window: int | Tensor, hop: int | None = None, domain: int | Shape | None = None) -> None:
        super().__init__(domain, 1)
        tight, self.hop = tight_window(window, hop)
        self.register_buffer("window", tight)
        self.range_dims = 2

    def _forward(self, x: Tensor) -> Tensor:
        if x.is_complex():
            message = "this STFT is one-sided and takes real signals; transform the real and the imaginary part separately"
            raise DataError(message)
        frames = split_frames(x, self.window.shape[0], self.hop) * cast_like(self.window * math.sqrt(2), x)
        spectra = torch.fft.rfft(frames, norm="ortho")
        self._unpaired(spectra).mul_(math.sqrt(0.5))
        return spectra.mT

    def _adjoint(self, y: Tensor) -> Tensor:
        # The transform of one frame is an isometry, so its adjoint is the inverse on its range; irfft projects onto the range by
        # ignoring the imaginary part of the bins that stand for themselves.
        spectra = y.mT.clone(memory_format=torch.contiguous_format)
        self._unpaired(spectra).mul_(math.sqrt(2))
        frames = torch.fft.irfft(spectra, self.window.shape[0], norm="ortho") * cast_like(self.window * math.sqrt(0.5), y)
        return join_frames(frames, self.hop, self.domain[0])

    def _unpaired(self, spectra: Tensor) -> Tensor:
        """A view of the bins that stand for one frequency: zero and, for even sizes, Nyquist; (..., frames, 1 or 2)."""
        size = self.window.shape[0]
        return spectra[..., :: size // 2] if size % 2 == 0 else spectra[..., :1]

    def _range_shape(self, domain: Shape) -> Shape:
        size = self.window.shape[0]
        return (size // 2 + 1, frame_count(domain[0], size, self.hop))

    def frequencies(self, sample_rate: float = 1.0) -> Tensor:
        """The frequency of each row, (size // 2 + 1,), float64, in the unit of ``sample_rate``."""
        return torch.fft.rfftfreq(self.window.shape[0], 1 / sample_rate, dtype=torch.float64)

    def times(self, sample_rate: float = 1.0) -> Tensor:
        """The time of each column's window centre, (frames,), float64; the first and last lie outside the signal.

        Raises:
            UnboundError: if the operator was declared for any length and not bound.
        """
        size = self.window.shape[0]
        starts = torch.arange(self.range[1], dtype=torch.float64) * self.hop - (size - self.hop)
        return (starts + size / 2) / sample_rate

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"{super().extra_repr()}, window={self.window.shape[0]}, hop={self.hop}"
