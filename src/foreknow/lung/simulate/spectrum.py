"""Noise of a given spectrum, and band limits, by products in the Fourier domain."""

import torch
from torch import Tensor

from foreknow.errors import ParameterError

Spectrum = tuple[tuple[float, float], ...]
"""Points (hertz, dB) of a power spectral density: straight lines in dB over log frequency between, constant outside."""


def gain_at(spectrum: Spectrum, frequencies: Tensor) -> Tensor:
    """The amplitude gain 10^(dB/20) of a spectrum at ``frequencies`` in hertz, same shape; below 1 Hz it is 0 (no offset).

    Raises:
        ParameterError: if there are no points, or their frequencies are not positive and rising.
    """
    points = torch.tensor(spectrum, dtype=torch.float64).reshape(-1, 2)
    hertz, decibel = points[:, 0], points[:, 1]
    if not len(points) or float(hertz[0]) <= 0 or bool((hertz.diff() <= 0).any()):
        message = f"a spectrum needs points (hertz, dB) of rising, positive frequency, not {spectrum}"
        raise ParameterError(message)
    place = torch.log(frequencies.to(torch.float64).clamp(float(hertz[0]), float(hertz[-1])))
    right = torch.searchsorted(torch.log(hertz), place).clamp(1, max(1, len(points) - 1))
    if len(points) == 1:
        level = decibel.expand_as(place)
    else:
        x0, x1 = torch.log(hertz)[right - 1], torch.log(hertz)[right]
        level = decibel[right - 1] + (place - x0) / (x1 - x0) * (decibel[right] - decibel[right - 1])
    return torch.where(frequencies >= 1, 10 ** (level / 20), 0.0)


def coloured_noise(count: int, rate: int, spectrum: Spectrum, generator: torch.Generator | None = None) -> Tensor:
    """Gaussian noise of the given spectrum with an expected RMS of 1, (count,) float64; the spectrum's level does not matter."""
    padded = fast_length(count)
    white = torch.randn(padded, generator=generator, dtype=torch.float64)
    gain = gain_at(spectrum, torch.fft.rfftfreq(padded, 1 / rate, dtype=torch.float64))
    weight = torch.full_like(gain, 2.0)
    weight[0] = weight[-1] = 1.0
    power = (weight * gain.square()).sum() / padded
    return torch.fft.irfft(torch.fft.rfft(white) * gain, n=padded)[:count] / power.sqrt()


def limit_band(samples: Tensor, rate: int, low: float, high: float) -> Tensor:
    """The part of a signal between ``low`` and ``high`` hertz, same shape (samples,); raised-cosine edges of 20 % of the edge.

    The filter has no delay. An edge at or beyond half the rate, or at 0, limits nothing.
    """
    count = samples.shape[-1]
    padded = fast_length(count + rate // 5)
    frequencies = torch.fft.rfftfreq(padded, 1 / rate, dtype=samples.dtype)
    gain = _ramp(frequencies, 0.8 * low, low) * (1 - _ramp(frequencies, high, 1.2 * high))
    return torch.fft.irfft(torch.fft.rfft(samples, n=padded) * gain, n=padded)[..., :count]


def shape_spectrum(samples: Tensor, rate: int, spectrum: Spectrum) -> Tensor:
    """A signal (samples,) whose frequencies have passed the gain of a spectrum, same shape; no delay."""
    count = samples.shape[-1]
    padded = fast_length(count + rate // 5)
    gain = gain_at(spectrum, torch.fft.rfftfreq(padded, 1 / rate, dtype=samples.dtype))
    return torch.fft.irfft(torch.fft.rfft(samples, n=padded) * gain, n=padded)[..., :count]


def _ramp(frequencies: Tensor, start: float, end: float) -> Tensor:
    if end <= 0:
        return torch.ones_like(frequencies)
    return 0.5 - 0.5 * torch.cos(torch.pi * ((frequencies - start) / (end - start)).clamp(0, 1))


def fast_length(count: int) -> int:
    """The smallest even length of 2^a * 3^b (b <= 2) that is at least ``count``: quick to transform."""
    return min(factor * 2 ** max(1, (-(-count // factor) - 1).bit_length()) for factor in (1, 3, 9))
