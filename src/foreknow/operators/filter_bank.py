"""Orthonormal two-channel filter banks in lattice angles: perfect reconstruction by construction, whatever the angles."""

import math
from collections.abc import Sequence
from decimal import Decimal, localcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from foreknow.errors import ParameterError

Array = NDArray[np.float64]

# Decimal digits for factorising a filter. Of 102 taps (coif17) some 40 digits are lost on the way.
_DIGITS = 100


class FilterBank(nn.Module):
    r"""An orthonormal pair of filters with 2K taps, parametrised by K rotation angles.

    The polyphase matrix is E(z) = R(t_K) diag(1, z^-1) R(t_{K-1}) ... diag(1, z^-1) R(t_1) with R(t) = [[cos t, sin t],
    [-sin t, cos t]] (Vaidyanathan, Multirate Systems and Filter Banks, 1993, chapter 6). Every orthonormal pair has this form, and
    every choice of angles is orthonormal, so that learning the angles needs no penalty and cannot lose perfect reconstruction.

    The wavelet has zero mean (one vanishing moment) if and only if the angles add up to pi / 4 (modulo 2 pi).

    Args:
        angles: K numbers.
        zero_mean: keep the sum of the angles at pi / 4: the last angle is then no parameter, but pi / 4 minus the others.
        learnable: whether the angles are to be learned (they are an ``nn.Parameter`` in any case).

    Attributes:
        free_angles: the parameter, float64: (K,), or (K - 1,) with ``zero_mean``.

    Raises:
        ParameterError: if there is no angle, or one is not finite.
    """

    def __init__(self, angles: Tensor | Sequence[float], *, zero_mean: bool = False, learnable: bool = False) -> None:
        super().__init__()
        values = torch.as_tensor(angles, dtype=torch.float64).detach()
        if values.ndim != 1 or not values.numel() or not bool(torch.isfinite(values).all()):
            message = f"a filter bank needs one or more finite angles in one axis, not {angles}"
            raise ParameterError(message)
        self.zero_mean = zero_mean
        self.free_angles = nn.Parameter(values[: -1 if zero_mean else None].clone(), requires_grad=learnable)

    @classmethod
    def named(cls, name: str, *, zero_mean: bool = False, learnable: bool = False) -> "FilterBank":
        """An orthogonal wavelet of PyWavelets by its name ("haar", "db10", "sym8", "coif3", ...).

        Args:
            name: see ``pywt.wavelist(kind="discrete")``.
            zero_mean: see `FilterBank`; it changes none of these filters.
            learnable: see `FilterBank`.

        Raises:
            ParameterError: if PyWavelets does not know it, or it is not orthogonal (biorthogonal families and "dmey").
        """
        import pywt  # noqa: PLC0415  (needed for names only)

        if name not in pywt.wavelist(kind="discrete"):
            message = f"PyWavelets knows no discrete wavelet {name!r}; pywt.wavelist(kind='discrete') lists what it knows"
            raise ParameterError(message)
        return cls.from_taps(pywt.Wavelet(name).rec_lo, zero_mean=zero_mean, learnable=learnable)

    @classmethod
    def from_taps(cls, taps: Tensor | Sequence[float], *, zero_mean: bool = False, learnable: bool = False) -> "FilterBank":
        """The filter bank with a given orthonormal scaling filter (in synthesis order, ``rec_lo`` of PyWavelets).

        Args:
            taps: an even number of taps, orthonormal to their own shifts by two.
            zero_mean: see `FilterBank`.
            learnable: see `FilterBank`.

        Raises:
            ParameterError: if the number is odd, or the taps are not orthonormal to 1e-8.
        """
        scaling = np.asarray(taps, dtype=np.float64)
        error = _orthonormality_error(scaling)
        if not error < 1e-8:
            message = (
                f"these {scaling.size} taps are not an orthonormal scaling filter (error {error:.1e}); choose an orthogonal wavelet"
            )
            raise ParameterError(message)
        return cls(torch.from_numpy(_peel(scaling)), zero_mean=zero_mean, learnable=learnable)

    @classmethod
    def random(
        cls, taps: int, generator: torch.Generator | None = None, *, zero_mean: bool = True, learnable: bool = False
    ) -> "FilterBank":
        """A filter bank with angles drawn uniformly from the circle.

        Args:
            taps: the even number of taps.
            generator: where the draws come from.
            zero_mean: see `FilterBank`.
            learnable: see `FilterBank`.

        Raises:
            ParameterError: if ``taps`` is odd or not positive.
        """
        if taps < 2 or taps % 2:
            message = f"an orthonormal filter has an even, positive number of taps, not {taps}"
            raise ParameterError(message)
        angles = (2 * torch.rand(taps // 2, generator=generator, dtype=torch.float64) - 1) * math.pi
        return cls(angles, zero_mean=zero_mean, learnable=learnable)

    @property
    def angles(self) -> Tensor:
        """All K angles, float64."""
        free = self.free_angles.to(torch.float64)
        return torch.cat((free, (math.pi / 4 - free.sum())[None])) if self.zero_mean else free

    @property
    def taps(self) -> int:
        """The number of taps, 2K."""
        return 2 * (self.free_angles.shape[0] + self.zero_mean)

    def forward(self) -> Tensor:
        """The scaling and the wavelet filter, (2, 2K), float64, differentiable with respect to the angles."""
        return lattice_filters(self.angles)

    @property
    def scaling_filter(self) -> Tensor:
        """The low-pass filter in synthesis order, (2K,), float64; ``rec_lo`` of PyWavelets."""
        return self()[0]

    @property
    def wavelet_filter(self) -> Tensor:
        """The high-pass filter in synthesis order, (2K,), float64; ``rec_hi`` of PyWavelets."""
        return self()[1]

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"taps={self.taps}, zero_mean={self.zero_mean}, learnable={self.free_angles.requires_grad}"


def lattice_filters(angles: Tensor) -> Tensor:
    """The scaling and the wavelet filter of lattice angles, (..., K) -> (..., 2, 2K): the polyphase product's rows, interleaved."""
    cosine, sine = angles.cos(), angles.sin()
    rotations = torch.stack((torch.stack((cosine, sine), -1), torch.stack((-sine, cosine), -1)), -2)
    filters = nn.functional.pad(rotations[..., 0, :, :], (0, 2 * angles.shape[-1] - 2))
    for rotation in rotations.unbind(-3)[1:]:
        # diag(1, z^-1) delays the second filter by one sample of the half rate: two taps.
        filters = rotation @ torch.stack((filters[..., 0, :], filters[..., 1, :].roll(2, -1)), -2)
    # The lattice gives the wavelet filter with the sign opposite to the usual alternating flip of the scaling filter.
    return torch.stack((filters[..., 0, :], -filters[..., 1, :]), -2)


def _orthonormality_error(scaling: Array) -> float:
    """The largest deviation of the taps' correlation at even lags from that of an orthonormal filter; infinite for odd lengths."""
    if scaling.ndim != 1 or scaling.size < 2 or scaling.size % 2:
        return math.inf
    correlation = np.correlate(scaling, scaling, "full")[scaling.size - 1 :: 2]
    correlation[0] -= 1
    return float(np.abs(correlation).max())


def _orthonormalise(scaling: Array) -> list[Decimal]:
    """Taps close by that are orthonormal to the present decimal precision: Newton steps of minimum (weighted) norm.

    The Jacobian in float64 suffices, because the residual is exact and each step gains its digits anew.
    """
    size = scaling.size
    jacobian = np.stack([_shifted(scaling, lag) + _shifted(scaling, -lag) for lag in range(0, size, 2)])
    # Large taps may change by more than small ones, and residuals count relatively: the outermost taps of a long filter are
    # 1e-20 of the largest.
    scale = np.sqrt(np.abs(scaling))
    jacobian *= scale
    rows = np.abs(jacobian).sum(axis=1, keepdims=True)
    inverse = scale[:, None] * np.linalg.pinv(jacobian / rows) / rows.T
    taps = [Decimal(float(value)) for value in scaling]
    for _ in range(_DIGITS):
        residual = [
            sum((a * b for a, b in zip(taps, taps[lag:], strict=False)), Decimal(-1 if lag == 0 else 0))
            for lag in range(0, size, 2)
        ]
        largest = max(abs(value) for value in residual)
        if largest < Decimal(10) ** (10 - _DIGITS):
            break
        # Scaled to one, so that float64 does not underflow where the residual is far below its range.
        correction = inverse @ np.array([float(value / largest) for value in residual])
        taps = [value - largest * Decimal(float(change)) for value, change in zip(taps, correction, strict=True)]
    return taps


def _shifted(values: Array, lag: int) -> Array:
    """``values`` delayed by ``lag`` samples, zeros moving in."""
    shifted = np.zeros_like(values)
    shifted[max(lag, 0) : values.size + min(lag, 0)] = values[max(-lag, 0) : values.size - max(lag, 0)]
    return shifted


def _peel(scaling: Array) -> Array:
    """Lattice angles of a scaling filter: undo one rotation and one delay at a time.

    In decimal arithmetic, because each step can amplify rounding: float64 loses db20 to 1e-6 and db24 entirely.
    """
    with localcontext() as context:
        context.prec = _DIGITS
        low = _orthonormalise(scaling)
        high = [value if index % 2 else -value for index, value in enumerate(reversed(low))]  # the flip with determinant +1
        angles = []
        while len(low) > 2:
            column = 0 if abs(low[0]) + abs(high[0]) > abs(low[1]) + abs(high[1]) else 1
            radius = (low[column] ** 2 + high[column] ** 2).sqrt()
            cosine, sine = low[column] / radius, -high[column] / radius
            angles.append(math.atan2(sine, cosine))
            pairs = list(zip(low, high, strict=True))
            low = [cosine * a - sine * b for a, b in pairs][:-2]
            high = [sine * a + cosine * b for a, b in pairs][2:]
        angles.append(math.atan2(low[1], low[0]))
    return np.array(angles[::-1])
