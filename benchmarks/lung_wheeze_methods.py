"""Scores of wheezes over time: ours and the plain ones, all on one spectrogram."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from benchmarks.lung_spans import Activity
from foreknow import L1, Component, Exact, Model, NuclearNorm
from foreknow.lung.line_tracking import follow, peaks
from foreknow.lung.lines import level_across
from foreknow.lung.path_opening import path_opening
from foreknow.lung.wheeze_settings import WheezeSettings
from foreknow.lung.wheezes import wheeze_activity
from foreknow.operators import STFT

_WINDOW, _HOP = 256, 64
_BAND = (100.0, 1000.0)
_LENGTH = 7  # frames: 112 ms at 4 kHz
_PEAK = 2.0  # of a ridge over the level


def ours(samples: Tensor, rate: int) -> tuple[Tensor, Tensor]:
    """Mean amplitude of the best line of 100 ms over the level of the sound across frequency; times with a voice left out."""
    return wheeze_activity(samples, rate=rate, settings=WheezeSettings())


def _spectrogram(samples: Tensor, rate: int) -> tuple[Tensor, Tensor]:
    stft = STFT(_WINDOW, _HOP, samples.shape[0])
    hertz = stft.frequencies(rate)
    return stft(samples).abs()[(hertz >= _BAND[0]) & (hertz <= _BAND[1])], stft.times(rate)


def energy(samples: Tensor, rate: int) -> tuple[Tensor, Tensor]:
    """Logarithm of the energy in the band."""
    modulus, times = _spectrogram(samples, rate)
    return modulus.square().sum(0).clamp_min(1e-20).log(), times


def flatness(samples: Tensor, rate: int) -> tuple[Tensor, Tensor]:
    """How far the spectrum of a frame is from flat: arithmetic over geometric mean of its power, logarithm."""
    modulus, times = _spectrogram(samples, rate)
    power = modulus.square().clamp_min(1e-20)
    return power.mean(0).log() - power.log().mean(0), times


def peak(samples: Tensor, rate: int) -> tuple[Tensor, Tensor]:
    """The strongest bin over the level across frequency, without continuity in time."""
    modulus, times = _spectrogram(samples, rate)
    return (modulus / level_across(modulus, 15).clamp_min(1e-12)).amax(0).clamp_min(1e-3).log(), times


def sparse_part(modulus: Tensor) -> Tensor:
    """The sparse part of robust PCA of a spectrogram, (bins, frames), in its unit."""
    weight = 1 / max(modulus.shape) ** 0.5
    model = Model(background=Component(NuclearNorm(1.0)), lines=Component(L1(weight, event_dims=2)), noise=Exact())
    scale = modulus.square().mean().sqrt().clamp_min(1e-12)
    return model.solve(modulus / scale, tolerance=1e-3)["lines"] * scale


def _sparse(samples: Tensor, rate: int) -> tuple[Tensor, Tensor]:
    modulus, times = _spectrogram(samples, rate)
    return sparse_part(modulus).abs() / modulus.square().mean().sqrt(), times


def ridges(samples: Tensor, rate: int) -> tuple[Tensor, Tensor]:
    """Peaks of a frame over the level around, linked to lines of 100 ms or more (as Taplidou and Hadjileontiadis 2007)."""
    modulus, times = _spectrogram(samples, rate)
    ratio = (modulus / level_across(modulus, 15).clamp_min(1e-12)).numpy()
    frames, places, ratios = peaks(ratio, ratio, ratio, _PEAK, np.ones(len(ratio), bool))
    strongest = np.full(ratio.shape[1], 1.0)
    for line in follow(frames, places, ratios, _LENGTH):
        np.maximum.at(strongest, line.frames, line.ratios)
    return torch.from_numpy(strongest).log(), times


def sparse_energy(samples: Tensor, rate: int) -> tuple[Tensor, Tensor]:
    """Energy of the sparse part of robust PCA of the spectrogram (weight 1 / sqrt of the longer side)."""
    lines, times = _sparse(samples, rate)
    return torch.log(lines.square().sum(0) + 1e-3), times


def sparse_continuous(samples: Tensor, rate: int) -> tuple[Tensor, Tensor]:
    """The strongest line in the sparse part, judged by its weakest place."""
    lines, times = _sparse(samples, rate)
    return torch.log(path_opening(lines, _LENGTH).amax(0).clamp_min(0) + 1e-2), times


METHODS: Mapping[str, Activity] = {
    "foreknow: mean of the best line": ours,
    "strongest bin, no continuity": peak,
    "spectral flatness": flatness,
    "energy": energy,
    "ridge tracker": ridges,
    "robust PCA, sparse energy": sparse_energy,
    "robust PCA + continuity": sparse_continuous,
}
