"""Crackles as what survives soft thresholding in a fixed orthogonal wavelet, with the universal threshold on each level.

Source: D. L. Donoho and I. M. Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 81, 1994 (threshold
sigma sqrt(2 log n)); I. M. Johnstone and B. W. Silverman, J. R. Stat. Soc. B 59, 1997 (sigma on each level by the median
absolute deviation, for coloured noise). The noise is the breath sound here, so the approximation band, which holds breath
only, is dropped. `db10` as in spmlib's crackle demonstration.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from benchmarks.baselines.method import Grid, Signal
from benchmarks.baselines.multiresolution import decompose, recompose
from benchmarks.baselines.separate_then_find import SeparateThenFind


@dataclass(frozen=True, kw_only=True)
class WaveletThreshold(SeparateThenFind):
    """Soft threshold in a fixed wavelet with a click finder behind.

    Attributes:
        factor: on the universal threshold; 1 is the classical one.
        levels: depth of the decomposition.
        wavelet: name known to PyWavelets.
    """

    factor: float = 1.0
    levels: int = 3
    wavelet: str = "db10"

    JOINT: ClassVar[tuple[str, ...]] = ("factor", "threshold", "click_low")
    GRID: ClassVar[Grid] = {
        "factor": (0.25, 0.4, 0.6, 0.8, 1.0, 1.3),
        "levels": (3, 4, 5),
        "frame": (0.128, 0.256, 0.512, 1.024, 4.096),
        "low": (60.0, 100.0, 150.0, 200.0, 300.0),
        **SeparateThenFind.CLICK_GRID,
    }

    def crackle_part(self, frames: Signal) -> Signal:
        """The details that survive."""
        *details, rest = decompose(frames, self.wavelet, self.levels)
        universal = self.factor * np.sqrt(2 * np.log(frames.shape[1]))
        shrunk = []
        for band in details:
            sigma = np.median(np.abs(band), axis=1, keepdims=True) / 0.6745
            shrunk.append(np.sign(band) * np.maximum(np.abs(band) - universal * sigma, 0.0))
        return recompose([*shrunk, np.zeros_like(rest)], self.wavelet)
