"""Orthogonal wavelet decomposition of many frames at once, with periodic ends, to any depth that halves evenly."""

import pywt

from benchmarks.baselines.method import Signal


def decompose(frames: Signal, wavelet: str, levels: int) -> list[Signal]:
    """Details from fine to coarse, then the approximation; each (frames, coefficients). Orthonormal.

    Args:
        frames: (frames, size), size divisible by 2^levels.
        wavelet: a name known to PyWavelets.
        levels: depth.
    """
    bank, bands, rest = pywt.Wavelet(wavelet), [], frames
    for _ in range(levels):
        rest, detail = pywt.dwt(rest, bank, mode="periodization", axis=-1)
        bands.append(detail)
    return [*bands, rest]


def recompose(bands: list[Signal], wavelet: str) -> Signal:
    """Inverse and adjoint of `decompose`."""
    bank, rest = pywt.Wavelet(wavelet), bands[-1]
    for detail in reversed(bands[:-1]):
        rest = pywt.idwt(rest, detail, bank, mode="periodization", axis=-1)
    return rest
