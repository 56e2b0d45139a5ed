"""Work on a long signal in overlapping frames of a fixed size, cross-faded."""

from collections.abc import Callable

import numpy as np

from benchmarks.baselines.method import Signal


def in_frames(signal: Signal, size: int, process: Callable[[Signal], Signal]) -> Signal:
    """Apply ``process`` to half-overlapping frames and add the results with triangular weights that sum to one.

    The ends are continued by reflection (zeros where the signal is shorter than that).

    Args:
        signal: (samples,).
        size: samples in a frame, even.
        process: (frames, size) to (frames, size).
    """
    hop = size // 2
    count = -(-len(signal) // hop) + 1
    padded = np.zeros((count + 1) * hop)
    padded[hop : hop + len(signal)] = signal
    left, right = min(hop, len(signal) - 1), min(len(padded) - hop - len(signal), len(signal) - 1)
    padded[hop - left : hop] = signal[left:0:-1]
    padded[hop + len(signal) : hop + len(signal) + right] = signal[-2 : -2 - right : -1]
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    ramp = (np.arange(hop) + 0.5) / hop
    weighted = process(frames.copy()) * np.concatenate([ramp, 1 - ramp])
    summed = np.zeros_like(padded)
    for index, frame in enumerate(weighted):
        summed[index * hop : index * hop + size] += frame
    return summed[hop : hop + len(signal)]


def power_of_two(seconds: float, rate: float) -> int:
    """The power of two of samples nearest (in logarithm) to a duration, at least 64."""
    return max(64, 2 ** round(np.log2(seconds * rate)))
