"""Whitening: a recording filtered and levelled such that its breath sound has a flat spectrum and a steady level."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from foreknow.lung.noise_level import local_level
from foreknow.operators import STFT


class Whitening:
    r"""The filter 1 / s(f), s being the breath sound's spectrum in an item of the batch, and the gain 1 / e(t), e its envelope.

    Breath sound falls by 40 dB and more within an octave, and comes and goes with every breath. A model with white noise would
    weigh all its errors where and when it is loud; whitened, the noise of the model is what it says, :math:`\|S (y - x)\|^2` is the
    Mahalanobis norm, and the problem is well conditioned. The filter has no delay. The spectrum is the median over time of the
    spectrogram, the envelope the local level of the filtered recording (`local_level`); crackles barely change either.

    Args:
        y: the recordings it is made for, (\*batch, n).
        stft: of the spectrogram, bound to n samples.
        span: over which the envelope is measured, samples.
        floor: frequencies at which there is next to nothing are amplified no further than to this share of the loudest.
        quantile: over time, of the spectrogram, that is the spectrum; below a half for sounds that last longer than that.
    """

    def __init__(self, y: Tensor, stft: STFT, span: int, floor: float = 3e-3, quantile: float = 0.5) -> None:
        modulus = stft(y).abs()
        rank = min(modulus.shape[-1], max(1, math.ceil(quantile * modulus.shape[-1])))
        # For an even count torch's median is the lower one: the value of this rank at a half.
        median = modulus.kthvalue(rank, dim=-1).values / math.sqrt(-math.log1p(-quantile))
        padded = torch.cat((median[..., 1:2], median, median[..., -2:-1]), dim=-1)
        smooth = (padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]) / 4
        loudest = smooth.amax(dim=-1, keepdim=True)
        # Silence stays as it is.
        audible = torch.where(loudest > 0, torch.maximum(smooth, floor * loudest), torch.ones_like(smooth))
        self.spectrum = _resample(audible, y.shape[-1] // 2 + 1)
        self.envelope = torch.ones((), dtype=y.dtype, device=y.device)
        envelope = local_level(self(y).unsqueeze(-2), span, floor=0.05).squeeze(-2)
        self.envelope = torch.where(envelope > 0, envelope, torch.ones_like(envelope))

    def __call__(self, y: Tensor) -> Tensor:
        r"""Whiten, (\*batch, n) to the same."""
        return torch.fft.irfft(torch.fft.rfft(y) / self.spectrum, y.shape[-1]) / self.envelope

    def inverse(self, y: Tensor) -> Tensor:
        """Undo it."""
        return torch.fft.irfft(torch.fft.rfft(y * self.envelope) * self.spectrum, y.shape[-1])


def whitened(
    y: Tensor, solve: Callable[[Tensor], Tensor], stft: STFT, span: int, floor: float = 3e-3, quantile: float = 0.5
) -> Tensor:
    r"""What ``solve`` finds in recordings once they are whitened, in the unit of the recordings.

    Args:
        y: recordings, (\*batch, n); their peaks are brought to one before, so that faint ones meet no denormal numbers.
        solve: takes and gives (\*batch, n).
        stft: as for `Whitening`, like what follows.
        span: samples.
        floor: share of the loudest frequency.
        quantile: over time.
    """
    peak = y.abs().amax(dim=-1, keepdim=True)
    scale = torch.where(peak > 0, peak, torch.ones_like(peak))
    whitening = Whitening(y / scale, stft, span, floor, quantile)
    return whitening.inverse(solve(whitening(y / scale))) * scale


def _resample(spectrum: Tensor, count: int) -> Tensor:
    r"""Straight lines in decibels between the bins; (\*batch, bins) to (\*batch, count), first and last bin kept."""
    position = torch.linspace(0, spectrum.shape[-1] - 1, count, device=spectrum.device)
    left = position.long().clamp_max(spectrum.shape[-1] - 2)
    share = (position - left).to(spectrum.dtype)
    logarithm = spectrum.log()
    return (logarithm[..., left] * (1 - share) + logarithm[..., left + 1] * share).exp()
