"""Crackles by the Teager-Kaiser energy operator.

The operator x(n)^2 - x(n - 1) x(n + 1) is about (amplitude x frequency)^2 of a local oscillation (Kaiser, "On a simple
algorithm to calculate the energy of a signal", ICASSP 1990): a short click of high frequency stands out of the low breath
sound more than in plain energy. It is a common first stage of crackle detectors. Here: band-pass, operator, smoothing, a
threshold of median plus a multiple of the MAD in a sliding span (breath sound swells and fades), a refractory time.

The crackle part is the band-passed recording gated around the detections with raised-cosine flanks.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from benchmarks.baselines.clicks import band_pass, local_level, peaks, smooth
from benchmarks.baselines.method import Extraction, Grid, Signal


def teager_energy(signal: Signal) -> Signal:
    """x(n)^2 - x(n - 1) x(n + 1); 0 at both ends."""
    energy = np.zeros_like(signal)
    energy[1:-1] = signal[1:-1] ** 2 - signal[:-2] * signal[2:]
    return energy


@dataclass(frozen=True)
class Teager:
    """Teager-Kaiser detector with gating.

    Attributes:
        low: lower end of the band in which crackles are looked for, Hz.
        high: its upper end, Hz.
        part_low: high-pass of the gated signal, Hz.
        smoothing: length of the Hann window over the energy, seconds.
        span: of the local median and MAD, seconds.
        threshold: how many MAD (scaled to a standard deviation) over the median.
        refractory: shortest time between two crackles, seconds.
        before: gate opens so long before the largest deflection, seconds.
        after: gate closes so long after it, seconds.
        wiener: weaken the gated signal by 1 - level / energy, the level being the local median of the plain energy.
    """

    low: float = 100.0
    high: float = 1200.0
    part_low: float = 100.0
    smoothing: float = 0.004
    span: float = 0.5
    threshold: float = 8.0
    refractory: float = 0.008
    before: float = 0.003
    after: float = 0.008
    wiener: bool = True

    JOINT: ClassVar[tuple[str, ...]] = ("threshold", "low")
    GRID: ClassVar[Grid] = {
        "threshold": (4.0, 6.0, 8.0, 11.0, 15.0, 20.0, 30.0),
        "low": (100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 800.0),
        "part_low": (40.0, 60.0, 100.0, 150.0, 200.0),
        "high": (700.0, 900.0, 1200.0, 1800.0),
        "smoothing": (0.001, 0.002, 0.003, 0.005),
        "span": (0.12, 0.25, 0.5, 1.0),
        "refractory": (0.004, 0.006, 0.009, 0.012),
        "before": (0.001, 0.0015, 0.002, 0.003, 0.005),
        "after": (0.004, 0.006, 0.008, 0.012),
        "wiener": (False, True),
    }

    def __call__(self, recording: Tensor, rate: float) -> Extraction:
        """Separate a recording (samples,) and find its clicks."""
        samples = recording.double().numpy()
        signal = band_pass(samples, rate, self.low, self.high)
        energy = np.maximum(smooth(teager_energy(signal), rate, self.smoothing), 0.0)
        median, deviation = local_level(energy, rate, self.span)
        times = peaks(signal, energy, median + self.threshold * deviation, rate, self.refractory)
        signal = band_pass(samples, rate, self.part_low, rate)
        part = signal * self._gate(times, len(signal), rate)
        if self.wiener:
            plain = smooth(signal**2, rate, self.smoothing)
            level, _ = local_level(plain, rate, self.span)
            part *= np.clip(1 - level / np.maximum(plain, 1e-300), 0.0, 1.0)
        return Extraction(torch.from_numpy(part), torch.from_numpy(times))

    def _gate(self, times: Signal, samples: int, rate: float) -> Signal:
        """1 around each time, falling to 0 as a raised cosine over the outer half of either side."""
        gate, clock = np.zeros(samples), np.arange(samples) / rate
        for time in times:
            near = slice(max(0, int((time - self.before) * rate)), int((time + self.after) * rate) + 2)
            away = clock[near] - time
            away = np.where(away < 0, -away / self.before, away / self.after)
            gate[near] = np.maximum(gate[near], 0.5 + 0.5 * np.cos(np.pi * np.clip(2 * away - 1, 0.0, 1.0)))
        return gate
