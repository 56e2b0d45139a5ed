"""Wheezes of known level in simulated and in real breath, and how well they are got out: SDR, SIR, SAR.

**Level**: energy of the wheezes over that of the breath sound in 100-1000 Hz, both summed over the samples where a wheeze sounds.
**Real breath**: recordings of SPRSound in which all annotated breaths are normal, other than those whose spans are scored with
wheezes; wheezes pass the same low-pass as the stethoscope of that corpus. One draw of wheezes and breath at all levels.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.lung_cases import through_stethoscope
from benchmarks.lung_spans import sounds
from benchmarks.lung_wheeze_methods import sparse_part
from foreknow.lung import WheezeSettings
from foreknow.lung.line_whitening import line_whitening
from foreknow.lung.lines import frames_of, level_across, line_strength
from foreknow.lung.simulate import (
    RHONCHUS,
    WHEEZE,
    BreathSettings,
    RespiratoryPhase,
    draw_continuous,
    mix_at_snr,
    simulate_breath,
)
from foreknow.lung.simulate.spectrum import limit_band
from foreknow.lung.wheeze_model import load_wheeze_network
from foreknow.lung.wheeze_network_separation import NetworkWheezeSeparator
from foreknow.lung.wheeze_separation import ENVELOPE, QUANTILE, WheezeSeparator, window_samples
from foreknow.operators import STFT

RATE = 4000
LEVELS = (-10.0, 0.0, 10.0)
_SEED = 95_000
_KINDS = (replace(WHEEZE, per_breath=1.0), replace(RHONCHUS, per_breath=1.0))

Separate = Callable[[Tensor], Tensor]
"""From a window, (n,), to its wheezes."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """Breath and wheezes of one window, before they are mixed."""

    breath: Tensor
    wheezes: Tensor

    def mix(self, level: float) -> tuple[Tensor, Tensor]:
        """The mixture at a level in dB, and the wheezes in it."""
        band = limit_band(self.breath, RATE, 100.0, 1000.0)
        scaled = mix_at_snr(self.wheezes, band, level, self.wheezes != 0)[1]
        return self.breath + scaled, scaled


def simulated(count: int) -> Iterator[Mixture]:
    """Windows of simulated breath, wheezes and rhonchi in turn."""
    length = window_samples(WheezeSettings(), RATE)
    made = 0
    while made < count:
        generator = torch.Generator().manual_seed(_SEED + made)
        breath, phases = simulate_breath(BreathSettings(), length / RATE, RATE, generator)
        part = draw_continuous(_KINDS[made % 2], phases, breath, RATE, generator)[0]
        made += 1
        if bool(part.any()):
            yield Mixture(breath, part)


def real(count: int) -> Iterator[Mixture]:
    """Windows of real normal breath, wheezes and rhonchi in turn in its annotated breaths; none if the data are absent."""
    length = window_samples(WheezeSettings(), RATE)
    made = 0
    for samples, rows in sounds("sprsound"):
        if made == count:
            return
        if samples.shape[0] < length or {row["kind"] for row in rows} != {"normal"}:
            continue
        start = (samples.shape[0] - length) // 2
        breath = samples[start : start + length]
        ends = [(float(row["start_s"]) - start / RATE, float(row["end_s"]) - start / RATE) for row in rows]
        phases = [RespiratoryPhase("expiration", low, high) for low, high in ends if low >= 0 and high <= length / RATE]
        generator = torch.Generator().manual_seed(_SEED + 500 + made)
        part = draw_continuous(_KINDS[made % 2], phases, breath, RATE, generator)[0]
        if bool(part.any()):
            made += 1
            yield Mixture(breath, torch.where(part != 0, through_stethoscope(part, RATE), 0.0))


def separators() -> dict[str, Separate]:
    """Ways to get wheezes out of a window, by name."""
    settings = WheezeSettings()
    solver = WheezeSeparator(settings, RATE)
    network = NetworkWheezeSeparator(load_wheeze_network(), settings)
    return {
        "foreknow: U-Net trained by injection": lambda y: network.separate(y[None].float())[0].double(),
        "foreknow: solver (40 steps of ADMM)": lambda y: solver.separate(y[None].float())[0].double(),
        "hard mask of continuous lines": _mask,
        "robust PCA of the spectrogram": _robust_pca,
    }


def _mask(y: Tensor) -> Tensor:
    """All of a coefficient through which a line goes: the weights of the solver without solving."""
    settings = WheezeSettings()
    stft = STFT(256, 64, y.shape[0])
    hertz = stft.frequencies(RATE)
    inside = (hertz >= settings.band[0]) & (hertz <= settings.highest)
    whitening = line_whitening(y, stft, ENVELOPE * RATE, inside, QUANTILE)
    spectrum = stft(whitening(y))
    length, bins = frames_of(stft, RATE, settings)
    strength = line_strength(spectrum.abs(), level_across(spectrum.abs(), bins), length)[1]
    return whitening.inverse(stft.adjoint(spectrum * ((strength > settings.event_level) & inside[:, None])))


def _robust_pca(y: Tensor) -> Tensor:
    """The sparse part of robust PCA of the modulus, with the phase of the mixture."""
    stft = STFT(256, 64, y.shape[0])
    spectrum = stft(y)
    modulus = spectrum.abs()
    return stft.adjoint(spectrum / modulus.clamp_min(1e-12) * sparse_part(modulus).clamp_min(0))


def ratios(estimate: Tensor, wheezes: Tensor, breath: Tensor) -> tuple[float, float, float]:
    """SDR, SIR and SAR of the wheeze part in dB (Vincent, Gribonval and Fevotte 2006, without filters allowed)."""
    e, w, b = (np.asarray(part, np.float64) for part in (estimate, wheezes, breath))
    target = (e @ w) / (w @ w) * w
    sources = np.stack((w, b), axis=1)
    both = sources @ np.linalg.lstsq(sources, e, rcond=None)[0]
    return _decibel(target, e - target), _decibel(target, both - target), _decibel(both, e - both)


def _decibel(signal: NDArray[np.float64], noise: NDArray[np.float64]) -> float:
    """Between -30 and 50, so that a mean can be taken over parts in which there is nothing."""
    return float(np.clip(10 * np.log10((signal @ signal + 1e-30) / (noise @ noise + 1e-30)), -30, 50)) if signal.any() else -30.0
