"""The level of the breath sound around every coefficient, measured such that crackles hardly raise it."""

import math

import torch
from torch import Tensor

RAYLEIGH_MEDIAN = math.sqrt(math.log(2.0))  # median of |z| for complex Gaussian z with E|z|^2 = 1
NORMAL_MEDIAN = 0.6744897501960817  # median of |z| for real Gaussian z with E z^2 = 1
_CLOSE = 0.06  # seconds
MAXIMUM_SAMPLES = 64  # a median of so many values is within 10 % or so of the median of all


def local_level(coefficients: Tensor, span: int, floor: float = 0.1) -> Tensor:
    """Local root mean square of coefficients in time, were they Gaussian: their median modulus in a sliding span, scaled.

    Crackles are short and few, so they touch less than half of the coefficients in a span, and the median barely sees them. Medians
    are taken at every eighth of a span and joined by straight lines. Where the recording is silent, the level does not fall below
    ``floor`` times the median level of its band, so that nothing is judged against silence.

    Args:
        coefficients: (*batch, bands, n), real or complex.
        span: length of the sliding span, in coefficients; at least 3 are used.
        floor: see above.

    Returns:
        (*batch, bands, n), real, positive unless half of a band is zero.
    """
    modulus = coefficients.abs()
    n = modulus.shape[-1]
    span = max(3, min(span, n))
    half = span // 2
    step = max(1, span // 8)
    centres = torch.arange(0, n + step, step, device=modulus.device).clamp_max(n - 1)
    offsets = torch.linspace(-half, half, min(span, MAXIMUM_SAMPLES) | 1, device=modulus.device).round().long()
    index = centres[:, None] + offsets
    index = torch.where(index < 0, -index, index)  # the mirror image at the ends
    index = torch.where(index >= n, 2 * (n - 1) - index, index).clamp(0, n - 1)
    medians = modulus[..., index].median(dim=-1).values
    scale = RAYLEIGH_MEDIAN if coefficients.is_complex() else NORMAL_MEDIAN
    typical = medians.median(dim=-1, keepdim=True).values
    medians = torch.maximum(medians, floor * typical) / scale
    return _join(medians, step, n)


def level_close_by(coefficients: Tensor, level: Tensor, rate: float) -> Tensor:
    """The level of all that a crackle has to stand out of: that of the breath sound or, where this is more, that within 60 ms.

    What lasts longer than a crackle, such as a heart sound, a rub or a gust of breath, is none.

    Args:
        coefficients: (*batch, bands, n), real or complex.
        level: of the breath sound in them, over a longer span, of the same shape.
        rate: hertz.

    Returns:
        (*batch, bands, n).
    """
    return torch.maximum(level, local_level(coefficients, round(_CLOSE * rate)))


def _join(values: Tensor, step: int, n: int) -> Tensor:
    """Straight lines through values at 0, step, 2 step, ...; (..., knots) to (..., n)."""
    position = torch.arange(n, device=values.device)
    left = torch.div(position, step, rounding_mode="floor").clamp_max(values.shape[-1] - 2)
    share = ((position - left * step).to(values.dtype) / step).clamp_max(1.0)
    return values[..., left] + share * (values[..., left + 1] - values[..., left])
