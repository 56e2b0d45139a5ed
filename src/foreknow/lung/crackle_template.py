"""Pictures of what a crackle looks like to a network: its learned wavelet beside that of Daubechies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from foreknow.operators import StationaryWavelet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SAMPLES = 512
_COLOURS = ("#9aa5b1", "#0072B2", "#D55E00", "#009E73")


def templates(wavelet: StationaryWavelet) -> Tensor:
    """The functions that single detail coefficients stand for, coarsest first, unit norm, (levels, 512), largest in the middle."""
    bound = wavelet.on((_SAMPLES,))
    with torch.no_grad():
        unit = torch.zeros(wavelet.levels, wavelet.levels + 1, _SAMPLES, dtype=torch.float64)
        for band in range(1, wavelet.levels + 1):
            unit[band - 1, band, _SAMPLES // 2] = 1.0
        found = bound.adjoint(unit)
        found = found / torch.linalg.vector_norm(found, dim=-1, keepdim=True)
        largest = found.abs().argmax(dim=-1)
        return torch.stack([
            torch.roll(row, _SAMPLES // 2 - int(place)) * row[place].sign() for row, place in zip(found, largest, strict=True)
        ])  # fmt: skip


def template_figure(wavelets: Mapping[str, StationaryWavelet], rate: float) -> Figure:
    """The templates of several wavelets over each other, one plot a band.

    Args:
        wavelets: by name, of as many levels; the first is drawn grey.
        rate: hertz.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415  (drawing is not needed to separate)

    levels = next(iter(wavelets.values())).levels
    figure = Figure(figsize=(3.1 * levels, 2.9), layout="constrained")
    plots = figure.subplots(1, levels, squeeze=False)[0]
    shapes = {name: templates(wavelet) for name, wavelet in wavelets.items()}
    milliseconds = 1000 * (torch.arange(_SAMPLES) - _SAMPLES // 2) / rate
    for band, axes in enumerate(plots):
        level = levels - band
        low, high = rate / 2 ** (level + 1), rate / 2**level
        for (name, shape), colour in zip(shapes.items(), _COLOURS, strict=False):
            axes.plot(milliseconds, shape[band], color=colour, linewidth=1.4, label=name if band == 0 else None)
        half = 1000 * 8 * 2**level / rate
        axes.set_xlim(-half, half)
        axes.set_title(f"{low:.0f} to {high:.0f} Hz", fontsize=9)
        axes.set_xlabel("milliseconds", fontsize=8)
        axes.set_yticks([])
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right", "left"]].set_visible(False)
    legend = figure.legend(loc="outside upper right", ncols=len(shapes), fontsize=9, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return figure


def difference(one: StationaryWavelet, other: StationaryWavelet) -> list[float]:
    """1 minus the largest correlation of the templates of two wavelets over shifts, band by band, the coarsest first."""
    spectra = [torch.fft.rfft(templates(wavelet), 2 * _SAMPLES) for wavelet in (one, other)]
    correlation = torch.fft.irfft(spectra[0] * spectra[1].conj(), 2 * _SAMPLES)
    return [round(1 - float(value), 4) for value in correlation.abs().amax(dim=-1)]
