"""How much of a crackle there is around every sample, in units of the breath sound around it."""

import math

import torch
from torch import Tensor


def energy_nearby(coefficients: Tensor, level: Tensor, rate: float, width: float = 0.004) -> Tensor:
    """Energy of crackle coefficients over that of the local level, summed over the detail bands and smoothed in time.

    The coarsest band, the approximation, is left out: heart sounds live there.

    Args:
        coefficients: (*batch, bands, n), undecimated, the approximation first.
        level: of the same shape, positive; see `local_level`.
        rate: hertz.
        width: standard deviation of the smoothing Gaussian, seconds.

    Returns:
        (*batch, n), about the number of bands where there is breath sound only.
    """
    details = coefficients[..., 1:, :] / level[..., 1:, :].clamp_min(torch.finfo(level.dtype).tiny)
    return smooth(details.square().sum(dim=-2), width * rate)


def smooth(x: Tensor, deviation: float) -> Tensor:
    """Convolution with a Gaussian of a standard deviation in samples along the last axis, the ends repeated."""
    half = max(1, math.ceil(4 * deviation))
    place = torch.arange(-half, half + 1, dtype=x.dtype, device=x.device)
    kernel = torch.exp(-0.5 * (place / max(deviation, 1e-3)).square())
    ends = (*x.shape[:-1], half)
    padded = torch.cat((x[..., :1].expand(ends), x, x[..., -1:].expand(ends)), dim=-1)
    size = padded.shape[-1]  # what the circular convolution wraps around falls on the padding
    spectrum = torch.fft.rfft(padded) * torch.fft.rfft(kernel / kernel.sum(), size)
    smooth_ = torch.fft.irfft(spectrum, size)[..., 2 * half :]
    return smooth_.clamp_min(0) if bool((x >= 0).all()) else smooth_
