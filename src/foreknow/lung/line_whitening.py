"""Whitening for wheezes: the envelope of breathing is measured such that a loud line, however long, does not raise it."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from foreknow.lung.noise_level import NORMAL_MEDIAN, RAYLEIGH_MEDIAN, local_level
from foreknow.lung.whitening import Whitening
from foreknow.operators import STFT

_FLOOR = 0.05  # of the usual level of breath


def line_whitening(y: Tensor, stft: STFT, span: float, bins: Tensor, quantile: float) -> Whitening:
    r"""A `Whitening` whose envelope is the level across frequency.

    The level of all samples together, which `Whitening` takes by itself and which crackles do not raise, is that of the wheeze
    where one is loud: divided by it, the breath sound around seems silent there, and the line weak. A line is narrow, so the
    median over frequency, smoothed by a median over time, hardly sees it.

    Args:
        y: recordings without crackles, (\*batch, n).
        stft: of the spectrogram, bound to n samples.
        span: over which the envelope is measured, seconds times the rate: samples.
        bins: which of the STFT's bins are judged, (bins,), bool.
        quantile: over time, of the spectrogram, that is the spectrum.
    """
    whitening = Whitening(y, stft, round(span), quantile=quantile)
    whitening.envelope = torch.ones((), dtype=y.dtype, device=y.device)
    modulus = stft(whitening(y)).abs()[..., bins.to(y.device), :]
    level = modulus.median(dim=-2, keepdim=True).values / RAYLEIGH_MEDIAN
    smooth = local_level(level, round(span / stft.hop), floor=_FLOOR) * NORMAL_MEDIAN
    frames = smooth.reshape(-1, 1, smooth.shape[-1])
    # Frames are centred at multiples of the hop, the first before the signal: cut what reaches over its ends.
    before = stft.window.shape[0] // 2 - stft.hop // 2
    fine = interpolate(frames, scale_factor=stft.hop, mode="linear")[..., before:]
    missing = max(0, y.shape[-1] - fine.shape[-1])
    fine = torch.cat((fine, fine[..., -1:].expand(-1, -1, missing)), dim=-1)[..., : y.shape[-1]]
    envelope = fine.reshape(*y.shape[:-1], y.shape[-1])
    whitening.envelope = torch.where(envelope > 0, envelope, torch.ones_like(envelope))
    return whitening
