"""Wavelet-transform-based stationary / non-stationary filter (WTST-NST).

Source: L. J. Hadjileontiadis and S. M. Panas, "Separation of discontinuous adventitious sounds from vesicular sounds using
a wavelet-based filter", IEEE Trans. Biomed. Eng. 44(12):1269-1281, 1997. Written from the published description:

1. decompose a frame of N = 2^M samples over M levels with a Daubechies quadrature mirror filter of 8 taps;
2. on each level, coefficients larger than F_adj times the level's standard deviation are non-stationary, the others stationary;
3. reconstruct both; decompose the stationary remainder again, until its mean square changes by less than epsilon from one
   round to the next.

The crackles are the sum of the non-stationary parts of all rounds, the breath sound is the last remainder. Each frame is
scaled to unit variance first, so that epsilon has a meaning. F_adj is one number for all levels and rounds here. Clicks are
found on the non-stationary part.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from benchmarks.baselines.method import Grid, Signal
from benchmarks.baselines.multiresolution import decompose, recompose
from benchmarks.baselines.separate_then_find import SeparateThenFind


@dataclass(frozen=True, kw_only=True)
class WtstNst(SeparateThenFind):
    """The filter of Hadjileontiadis and Panas with a click finder behind.

    Attributes:
        factor: F_adj.
        epsilon: of the stopping criterion, on frames of unit variance.
        wavelet: one of 8 taps.
        rounds: at most so many.
    """

    factor: float = 3.0
    epsilon: float = 1e-5
    wavelet: str = "db4"
    rounds: int = 50

    JOINT: ClassVar[tuple[str, ...]] = ("factor", "threshold", "click_low")
    GRID: ClassVar[Grid] = {
        "factor": (2.0, 2.5, 2.8, 3.1, 3.5, 4.0, 5.0),
        "frame": (0.128, 0.256, 0.512, 1.024, 2.048, 4.096),
        "low": (60.0, 100.0, 150.0, 200.0, 300.0),
        "epsilon": (1e-5, 1e-3, 1e-2),
        **SeparateThenFind.CLICK_GRID,
    }

    def crackle_part(self, frames: Signal) -> Signal:
        """The sum of the non-stationary parts of all rounds; (frames, size), each frame stops on its own."""
        scale = np.sqrt((frames**2).mean(axis=1, keepdims=True)) + 1e-300
        remainder = frames / scale
        result, active = np.zeros_like(frames), np.arange(len(frames))
        power = (remainder**2).mean(axis=1)
        for _ in range(self.rounds):
            loud = self._outstanding(remainder[active])
            result[active] += loud
            remainder[active] -= loud
            now = (remainder[active] ** 2).mean(axis=1)
            going = np.abs(power[active] - now) >= self.epsilon
            power[active] = now
            active = active[going]
            if not len(active):
                break
        return result * scale

    def _outstanding(self, frames: Signal) -> Signal:
        """What the coefficients above F_adj standard deviations of their level add up to."""
        bands = decompose(frames, self.wavelet, int(np.log2(frames.shape[1])))
        kept = [np.where(np.abs(band) >= self.factor * band.std(axis=1, keepdims=True), band, 0.0) for band in bands]
        for band, original in zip(kept, bands, strict=True):
            if original.shape[1] == 1:  # one coefficient has no spread
                band[:] = 0.0
        return recompose(kept, self.wavelet)
