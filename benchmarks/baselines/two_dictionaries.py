"""Crackles as the wavelet part of a sparse code in two dictionaries: a global DCT (breath, wheezes) and a wavelet (clicks).

    minimise  1/2 |y - D a - w W b|^2 + tau (|a|_1 + |b|_1)

by FISTA (Beck and Teboulle, SIAM J. Imaging Sci. 2, 2009) on half-overlapping windows with triangular cross-fade; tau
starts at 0.01 of the smallest value that gives zero and is doubled until the share of non-zero coefficients is below a
limit. Settings as published for spmlib's crackle demonstration (Sakai, MIT licence; written from its description): db10, 3
levels, periodic ends, w = 0.5, 60 iterations; after T. Sakai et al., "Sparse representation-based extraction of pulmonary
sound components from low-quality auscultation signals", ICASSP 2012. The step is 1 / (1 + w^2), exact as both dictionaries
are orthonormal.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.fft import dct, idct

from benchmarks.baselines.method import Grid, Signal
from benchmarks.baselines.multiresolution import decompose, recompose
from benchmarks.baselines.separate_then_find import SeparateThenFind


@dataclass(frozen=True, kw_only=True)
class TwoDictionaries(SeparateThenFind):
    """DCT and wavelet by FISTA, with a click finder behind.

    Attributes:
        frame: length of a window, seconds (16384 samples at 11025 Hz in the demonstration).
        weight: w, of the wavelet dictionary.
        share: largest share of non-zero coefficients (relative to the samples of a window).
        levels: depth of the wavelet decomposition.
        wavelet: name known to PyWavelets.
        iterations: of FISTA for each tau.
    """

    frame: float = 1.486
    weight: float = 0.5
    share: float = 0.5
    levels: int = 3
    wavelet: str = "db10"
    iterations: int = 60

    JOINT: ClassVar[tuple[str, ...]] = ("share", "threshold", "click_low")
    GRID: ClassVar[Grid] = {
        "share": (1.0, 0.5, 0.25, 0.12, 0.06),
        "weight": (0.5, 0.7, 1.0),
        "levels": (3, 4),
        "low": (60.0, 100.0, 200.0),
        "frame": (0.256, 0.512, 1.486),
        **SeparateThenFind.CLICK_GRID,
    }

    def crackle_part(self, frames: Signal) -> Signal:
        """The wavelet part of the sparse code."""
        coefficients = np.zeros((len(frames), 2 * frames.shape[1]))
        tau = 0.01 * np.abs(self._analyse(frames)).max(axis=1, keepdims=True)
        open_ = np.arange(len(frames))
        for _ in range(20):  # doublings; 2^7 > 100 already gives zero
            coefficients[open_] = self._fista(frames[open_], coefficients[open_], tau[open_])
            filled = np.count_nonzero(coefficients[open_], axis=1) > self.share * frames.shape[1]
            open_ = open_[filled]
            if not len(open_):
                break
            tau[open_] *= 2
        return self._synthesise(coefficients, breath=False)

    def _fista(self, frames: Signal, start: Signal, tau: Signal) -> Signal:
        step = 1 / (1 + self.weight**2)
        now = ahead = start
        momentum = 1.0
        for _ in range(self.iterations):
            moved = ahead + step * self._analyse(frames - self._synthesise(ahead))
            before, now = now, np.sign(moved) * np.maximum(np.abs(moved) - step * tau, 0.0)
            next_momentum = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            ahead = now + (momentum - 1) / next_momentum * (now - before)
            momentum = next_momentum
        return now

    def _analyse(self, frames: Signal) -> Signal:
        """Adjoint of `_synthesise`."""
        wavelet = np.concatenate(decompose(frames, self.wavelet, self.levels), axis=1)
        return np.concatenate([dct(frames, norm="ortho", axis=1), self.weight * wavelet], axis=1)

    def _synthesise(self, coefficients: Signal, *, breath: bool = True) -> Signal:
        size = coefficients.shape[1] // 2
        lengths = [size >> level for level in range(1, self.levels + 1)]
        bands = np.split(coefficients[:, size:], np.cumsum(lengths), axis=1)
        clicks = self.weight * recompose(bands, self.wavelet)
        return clicks + idct(coefficients[:, :size], norm="ortho", axis=1) if breath else clicks
