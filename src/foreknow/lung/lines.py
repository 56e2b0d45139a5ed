"""Lines in the spectrogram of a breath sound: how far above the sound around them, and how continuous in time."""

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d

from foreknow.lung.noise_level import RAYLEIGH_MEDIAN
from foreknow.lung.path_opening import path_opening
from foreknow.lung.wheeze_settings import WheezeSettings
from foreknow.operators import STFT

_SMOOTH = 3  # frames over which power is averaged: neighbouring windows share three quarters of their samples
_FLOOR = 0.5  # of the median level: where breathing pauses, nothing is judged against silence


def level_across(modulus: Tensor, bins: int) -> Tensor:
    r"""Root mean square of the breath sound around every coefficient, from the median over neighbouring frequencies.

    A line is narrow, so it barely moves the median, however long it lasts; a median over time would take a long wheeze for breath.

    Args:
        modulus: of whitened coefficients, (\*batch, bins, frames).
        bins: over how many the median is taken; odd.

    Returns:
        The same shape, positive unless most of it is silent.
    """
    half = min(bins // 2, modulus.shape[-2] - 1)
    index = torch.arange(-half, modulus.shape[-2] + half, device=modulus.device).abs()
    index = torch.minimum(index, 2 * (modulus.shape[-2] - 1) - index)  # mirrored at the ends
    level = modulus.index_select(-2, index).unfold(-2, 2 * half + 1, 1).median(dim=-1).values
    return torch.maximum(level, _FLOOR * level.flatten(-2).median(dim=-1).values[..., None, None]) / RAYLEIGH_MEDIAN


def line_strength(modulus: Tensor, level: Tensor, length: int) -> tuple[Tensor, Tensor]:
    r"""How far coefficients are above the level, as they are and at the weakest place of the best line through them.

    Args:
        modulus: of coefficients, (\*batch, bins, frames).
        level: as of `level_across`.
        length: of a line, frames.

    Returns:
        The ratio, smoothed over three frames, and its path opening; (\*batch, bins, frames) each.
    """
    ratio = (modulus / level.clamp_min(torch.finfo(level.dtype).tiny)).square()
    flat = ratio.flatten(0, -2).unsqueeze(1)
    smooth = avg_pool1d(flat, _SMOOTH, 1, _SMOOTH // 2, count_include_pad=False).reshape(ratio.shape).sqrt()
    return smooth, path_opening(smooth, min(length, smooth.shape[-1]))


def frames_of(stft: STFT, rate: float, settings: WheezeSettings) -> tuple[int, int]:
    """Frames that the shortest line takes, and bins of the band in which levels are measured (odd)."""
    length = max(2, math.ceil(settings.shortest * rate / stft.hop))
    width = settings.level_width * stft.window.shape[0] / rate
    return length, 2 * max(2, round(width / 2)) + 1


def frames_that_show(stft: STFT, rate: float, settings: WheezeSettings) -> int:
    """Frames in which the shortest line shows at least, those included that it fills in part."""
    return max(2, math.floor((settings.shortest * rate + stft.window.shape[0]) / stft.hop))
