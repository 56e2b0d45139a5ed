"""Clicks in a signal: peaks of a smoothed energy over a local robust level.

Shared by the baselines, so that they differ in the separation.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import median_filter
from scipy.signal import butter, find_peaks, sosfiltfilt

from benchmarks.baselines.method import Signal


def band_pass(signal: Signal, rate: float, low: float, high: float) -> Signal:
    """Butterworth of order 4, forth and back (no delay), from ``low`` to ``high`` Hz; without upper end above 0.45 of the rate."""
    if high < 0.45 * rate:
        sections = butter(4, [low, high], "bandpass", fs=rate, output="sos")
    else:
        sections = butter(4, low, "highpass", fs=rate, output="sos")
    return sosfiltfilt(sections, signal)


def smooth(energy: Signal, rate: float, seconds: float) -> Signal:
    """Running mean with a Hann window of a total length in seconds; symmetric, so without delay."""
    half = max(1, round(seconds * rate / 2))
    window = np.hanning(2 * half + 1)
    return np.convolve(energy, window / window.sum(), mode="same") if len(energy) > len(window) else energy


def local_level(energy: Signal, rate: float, seconds: float) -> tuple[Signal, Signal]:
    """Running median and running 1.4826 MAD over a span in seconds, on a grid of 1/200 of it, joined by straight lines.

    Medians, so that the clicks themselves (a small share of the time) hardly raise it.
    """
    step = max(1, round(seconds * rate / 200))
    coarse = energy[::step]  # the level is slow: every step-th sample represents it
    size = max(3, round(seconds * rate / step)) | 1
    median = median_filter(coarse, size, mode="reflect")
    deviation = 1.4826 * median_filter(np.abs(coarse - median), size, mode="reflect")
    at, grid = np.arange(len(energy)), np.arange(len(coarse)) * step
    return np.interp(at, grid, median), np.interp(at, grid, deviation)


@dataclass(frozen=True, slots=True)
class ClickFinder:
    """Finds clicks in a crackle part by its energy over the local energy of the recording.

    Attributes:
        threshold: smoothed energy of a click over the local median of the recording's smoothed energy.
        low: both are high-passed at this frequency first, Hz, for breath sound is loud below.
        smoothing: length of the Hann window, seconds.
        span: over which the local median is taken, seconds.
        refractory: shortest time between two clicks, seconds.
    """

    threshold: float = 4.0
    low: float = 100.0
    smoothing: float = 0.004
    span: float = 0.5
    refractory: float = 0.008

    def __call__(self, part: Signal, recording: Signal, rate: float) -> Signal:
        """Times of the largest absolute deflections, seconds, ascending."""
        recording = band_pass(recording, rate, self.low, rate)
        if part.any():
            part = band_pass(part, rate, self.low, rate)
        energy = smooth(part**2, rate, self.smoothing)
        level, _ = local_level(smooth(recording**2, rate, self.smoothing), rate, self.span)
        return peaks(part, energy, self.threshold * level, rate, self.refractory)


def peaks(signal: Signal, energy: Signal, threshold: Signal, rate: float, refractory: float) -> Signal:
    """Times of the largest |signal| near the peaks of an energy above a threshold, one in a refractory time (the largest wins)."""
    distance = max(1, round(refractory * rate))
    floor = np.maximum(threshold, 1e-12 * energy.max(initial=0.0))  # a silent stretch has a level of zero
    at, _ = find_peaks(np.where(energy > floor, energy, 0.0), distance=distance)
    reach = max(1, distance // 2)
    found = [_largest(signal, max(0, k - reach), min(len(signal), k + reach + 1)) for k in at]
    return np.unique(np.array(found, dtype=np.float64)) / rate


def _largest(signal: Signal, start: int, stop: int) -> int:
    return start + int(np.argmax(np.abs(signal[start:stop])))
