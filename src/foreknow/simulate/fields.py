"""Random fields and series that vary smoothly: textures, uneven light, irregular motion, crooked outlines."""

from collections.abc import Sequence

import torch
from torch import Tensor

from foreknow.errors import ParameterError


def power_law_field(
    shape: Sequence[int],
    slope: float,
    generator: torch.Generator | None = None,
    *,
    longest: float = float("inf"),
    shortest: float = 2.0,
    batch: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Gaussian random fields whose power falls as frequency to the power of -slope; mean 0, expected variance 1.

    The grid is drawn wider than asked and cut, so that opposite borders do not match.

    Args:
        shape: of one field, 1 to 3 axes.
        slope: of the power spectral density over frequency in log-log; 0 is white.
        generator: source of all random numbers (CPU).
        longest: wavelength in samples beyond which the spectrum is flat.
        shortest: wavelength in samples below which there is (smoothly) nothing.
        batch: how many fields; None for one without a batch axis.
        dtype: of the result.

    Returns:
        (batch, *shape) or ``shape``, on the CPU.

    Raises:
        ParameterError: if a wavelength is not positive or the order of the two is wrong.
    """
    if not 0 < shortest < longest:
        message = f"a random field needs 0 < shortest < longest wavelength, not {shortest} and {longest}"
        raise ParameterError(message)
    padded = [_even(size + min(size, int(min(longest, size)))) for size in shape]
    white = torch.randn(batch or 1, *padded, generator=generator, dtype=dtype)
    axes = tuple(range(-len(padded), 0))
    squares = [torch.fft.fftfreq(size, dtype=dtype).square() for size in padded[:-1]]
    squares.append(torch.fft.rfftfreq(padded[-1], dtype=dtype).square())
    total = squares[0]
    for square in squares[1:]:
        total = total[..., None] + square
    radius = total.sqrt()
    knee = max(1 / longest, 1 / max(padded))
    gain = (radius.square() + knee**2) ** (-slope / 4) * torch.exp(-0.5 * (radius * shortest / 1.2).square())
    gain[(0,) * len(padded)] = 0
    counted = torch.full((padded[-1] // 2 + 1,), 2.0, dtype=dtype)
    counted[0] = counted[-1] = 1
    power = (gain.square() * counted).sum() / torch.tensor(padded, dtype=dtype).prod()
    field = torch.fft.irfftn(torch.fft.rfftn(white, dim=axes) * gain, s=padded, dim=axes) / power.sqrt()
    cut = field[(slice(None), *(slice(0, size) for size in shape))]
    return cut if batch is not None else cut[0]


def smooth_field(
    shape: Sequence[int],
    correlation: float,
    generator: torch.Generator | None = None,
    *,
    batch: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Gaussian random fields without detail below ``correlation`` samples; mean 0, expected variance 1, (batch, *shape)."""
    correlation = max(correlation, 1e-3)
    return power_law_field(shape, 0, generator, longest=1e9, shortest=4 * correlation, batch=batch, dtype=dtype)


def smooth_series(count: int, correlation: float, generator: torch.Generator | None = None, *, batch: int | None = None) -> Tensor:
    """Gaussian random series of ``count`` samples, smooth over ``correlation`` samples; (batch, count) or (count,) float64.

    Unlike a field, a series keeps its constant part, so that it is a process seen through a window.
    """
    padded = _even(count + int(8 * correlation) + 2)
    white = torch.randn(batch or 1, padded, generator=generator, dtype=torch.float64)
    gain = torch.exp(-2 * (torch.pi * correlation * torch.fft.rfftfreq(padded, dtype=torch.float64)).square())
    counted = torch.full_like(gain, 2.0)
    counted[0] = counted[-1] = 1
    power = (gain.square() * counted).sum() / padded
    series = torch.fft.irfft(torch.fft.rfft(white) * gain, n=padded)[:, :count] / power.sqrt()
    return series if batch is not None else series[0]


def uniform(low_high: tuple[float, float], generator: torch.Generator | None = None) -> float:
    """One number drawn evenly from a range."""
    low, high = low_high
    return low + (high - low) * float(torch.rand(1, generator=generator, dtype=torch.float64))


def log_uniform(low_high: tuple[float, float], generator: torch.Generator | None = None) -> float:
    """One number drawn from a range above 0, evenly in the logarithm."""
    low, high = low_high
    return low * (high / low) ** uniform((0.0, 1.0), generator)


def _even(size: int) -> int:
    """The smallest product of small primes that is even and at least ``size``: quick to transform."""
    best = 1 << max(1, (size - 1).bit_length())
    for three in (3, 9, 5, 15):
        candidate = three * (1 << max(1, (-(-size // three) - 1).bit_length()))
        best = min(best, candidate) if candidate >= size else best
    return best
