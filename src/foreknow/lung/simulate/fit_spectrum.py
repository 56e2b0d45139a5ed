"""The spectrum of a breath sound as straight lines over log frequency, fitted by least squares."""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.lung.simulate.spectrum import Spectrum

_PER_OCTAVE = 12
_LOWEST, _FLOOR_MARGIN_DB, _EVEN_DB = 40.0, 6.0, 9.0
_KNEES = torch.logspace(1.78, 2.55, 34, dtype=torch.float64)  # 60 to 355 Hz
_EDGE_RATIOS = torch.logspace(0.25, 1.1, 28, dtype=torch.float64)  # edge over knee, 1.8 to 12.6


@dataclass(frozen=True, slots=True)
class SpectrumFit:
    """Three lines in dB over octaves, over a floor.

    Attributes:
        knee_hz: where the spectrum begins to fall.
        low_slope: dB an octave below the knee.
        high_slope: dB an octave above it: the lung's own (chest, 353 healthy: -12.7 to -15.2 in inspiration, -13.4 to -20.3 in
            expiration).
        edge_hz: where the fall becomes steeper: the stethoscope's low-pass; infinite if there is none.
        edge_slope: dB an octave above it.
        floor_db: level of the recorder's noise, dB relative to the knee.
        residual_db: standard deviation of the measured spectrum about the lines.
        points: the measured spectrum, three points an octave, dB relative to its largest.
    """

    knee_hz: float
    low_slope: float
    high_slope: float
    edge_hz: float
    edge_slope: float
    floor_db: float
    residual_db: float
    points: Spectrum

    @property
    def stethoscope(self) -> Spectrum:
        """Gain of a stethoscope (hertz, dB) that makes the edge: flat below it, then the steeper part of the fall, to -60 dB."""
        if self.edge_hz == float("inf"):
            return ((self.knee_hz, 0.0),)
        steeper = min(-1.0, self.edge_slope - self.high_slope)
        return ((self.edge_hz, 0.0), (self.edge_hz * 2 ** (-60.0 / steeper), -60.0))


def fit_spectrum(frequencies: Tensor, power: Tensor) -> SpectrumFit:
    """Fit lines to a power spectral density.

    Args:
        frequencies: hertz, (bins,), rising, evenly spaced.
        power: at them, (bins,), positive.
    """
    centres, level = _in_bands(frequencies, power, _PER_OCTAVE, _LOWEST)
    floor = _floor(frequencies, power)
    used = level > floor + _FLOOR_MARGIN_DB
    if int(used.sum()) < 8:
        used = torch.ones_like(used)
    octaves, target = torch.log2(centres[used]), level[used]
    knees = torch.log2(_KNEES)[:, None].expand(-1, len(_EDGE_RATIOS)).reshape(-1)
    edges = (torch.log2(_KNEES)[:, None] + torch.log2(_EDGE_RATIOS)).reshape(-1)
    below = (knees[:, None] - octaves).clamp(min=0)
    above = (octaves - knees[:, None]).clamp(min=0)
    beyond = (octaves - edges[:, None]).clamp(min=0)
    design = torch.stack((torch.ones_like(below), below, above, beyond), dim=-1)
    ridge = torch.diag(torch.tensor([0.0, 1e-6, 1e-6, 1e-6], dtype=torch.float64))
    normal = design.transpose(1, 2) @ design + ridge
    lines = torch.linalg.solve(normal, design.transpose(1, 2) @ target[:, None])[..., 0]
    error = ((design @ lines[..., None])[..., 0] - target).square().mean(1)
    shaped = (lines[:, 2] < 0) & (lines[:, 3] <= 1e-6) & (lines[:, 1] < 12)
    best = int(torch.where(shaped, error, error + 1e3).argmin())
    top, low, high, steeper = lines[best].tolist()
    edge = 2 ** float(edges[best])
    points_at, points = _in_bands(frequencies, power, 3, 25.0)
    shown = tuple(zip(points_at.tolist(), (points - points.max()).tolist(), strict=True))
    return SpectrumFit(
        knee_hz=2 ** float(knees[best]),
        low_slope=-low,
        high_slope=high,
        edge_hz=edge if edge < float(centres[used][-1]) and steeper < -1 else float("inf"),
        edge_slope=high + steeper,
        floor_db=floor - top,
        residual_db=float(error[best].sqrt()),
        points=shown,
    )


def _in_bands(frequencies: Tensor, power: Tensor, per_octave: int, lowest: float) -> tuple[Tensor, Tensor]:
    """Centres in hertz and mean levels in dB of bands of equal width in octaves; those without a bin are left out."""
    highest = 0.96 * float(frequencies[-1])
    place = torch.floor(torch.log2(frequencies.clamp(min=1e-3) / lowest) * per_octave).long()
    count = int(torch.floor(torch.log2(torch.tensor(highest / lowest)) * per_octave))
    inside = (place >= 0) & (place < count) & (power > 0)
    sums = torch.zeros(2, max(count, 1), dtype=torch.float64)
    sums[0].index_add_(0, place[inside], power[inside].to(torch.float64))
    sums[1].index_add_(0, place[inside], torch.ones_like(power[inside], dtype=torch.float64))
    known = sums[1] > 0
    centres = lowest * 2 ** ((torch.arange(len(known), dtype=torch.float64) + 0.5) / per_octave)
    return centres[known], 10 * torch.log10(sums[0, known] / sums[1, known])


def _floor(frequencies: Tensor, power: Tensor) -> float:
    """Level of the recorder's noise, dB: the quietest tenth of the spectrum, or far below it where there is none that is level."""
    level = 10 * torch.log10(power.clamp(min=1e-30))
    upper = level[frequencies > 0.6 * frequencies[-1]]
    even = float(upper.quantile(0.9) - upper.quantile(0.1)) < _EVEN_DB
    return float(upper.median()) if even else float(level.min()) - 20.0
