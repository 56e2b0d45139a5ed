"""A simulated lung sound beside a real one: waveforms, spectrograms, spectra and loudness."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from foreknow.files import resample
from foreknow.lung.simulate import SimulatedRecording
from foreknow.report.sound import Mark, Track, sound_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FRAME, _SPECTRUM_FRAME = 0.05, 0.128
_REAL, _SIMULATED = "#33475b", "#D55E00"


@dataclass(frozen=True)
class RealSound:
    """A real recording.

    Attributes:
        label: its name in the picture.
        samples: (samples,) full scale 1.
        rate: hertz.
    """

    label: str
    samples: Tensor = field(repr=False)
    rate: int


def comparison_figure(simulated: SimulatedRecording, real: RealSound) -> Figure:
    """The two sounds below each other at one scale of loudness, then their spectra and how their loudness is distributed.

    The real sound is brought to the rate of the simulated one; the longer one is cut; their levels are made equal.

    Args:
        simulated: a simulated recording.
        real: a real one.

    Raises:
        ForeknowError: if matplotlib or soxr is not installed.
    """
    other = resample(real.samples.to(torch.float64), real.rate, simulated.rate)
    count = min(len(other), len(simulated.recording))
    first, second = other[:count] - other[:count].mean(), simulated.recording[:count]
    first = first * (_level(second, simulated.rate) / max(_level(first, simulated.rate), 1e-12))
    marks = [Mark(event.onset, event.onset + event.two_cycle_duration, f"{event.kind}_crackle") for event in simulated.events]
    marks += [Mark(sound.onset, sound.end, sound.kind) for sound in simulated.sounds]
    marks += [Mark(event.onset, event.end, event.kind) for event in simulated.disturbances]
    shown = [mark for mark in marks if mark.end <= count / simulated.rate]
    tracks = [Track(real.label, first), Track("simulated", second, shown)]
    figure = sound_figure(tracks, simulated.rate, highest=min(2000.0, simulated.rate / 2))
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 3.0)
    share = height / (height + 3.0)
    figure.get_layout_engine().set(rect=(0, 1 - share, 1, share))  # type: ignore[union-attr, call-arg]
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # what follows has places of its own
    low, tall = 0.25 * (1 - share), 0.62 * (1 - share)
    spectra, loudness = figure.add_axes((0.06, low, 0.40, tall)), figure.add_axes((0.54, low, 0.40, tall))
    for samples, colour, label in ((first, _REAL, real.label), (second, _SIMULATED, "simulated")):
        _spectrum(spectra, samples, simulated.rate, colour, label)
        _loudness(loudness, samples, simulated.rate, colour, label)
    _finish(spectra, "hertz", "median spectrum, dB")
    _finish(loudness, "level in 50 ms relative to the median, dB", "share of the time below")
    spectra.set_xlim(25, simulated.rate / 2)
    return figure


def _level(samples: Tensor, rate: int) -> float:
    """Usual loudness: clicks do not count."""
    return float(_frames(samples, round(_FRAME * rate)).square().mean(1).median().sqrt())


def _frames(samples: Tensor, size: int) -> Tensor:
    return samples[: len(samples) // size * size].reshape(-1, size)


def _spectrum(axes: Axes, samples: Tensor, rate: int, colour: str, label: str) -> None:
    size = round(_SPECTRUM_FRAME * rate)
    frames = samples.unfold(0, size, size // 2) * torch.hann_window(size, dtype=samples.dtype)
    power = torch.fft.rfft(frames).abs().square() / size
    hertz = np.fft.rfftfreq(size, 1 / rate)
    for share, width, alpha in ((0.5, 1.8, 1.0), (0.9, 0.9, 0.6)):
        level = 10 * np.log10(np.maximum(power.quantile(share, dim=0).numpy(), 1e-20))
        name = label if share == 0.5 else None
        axes.semilogx(hertz[1:], level[1:], color=colour, linewidth=width, alpha=alpha, label=name)


def _loudness(axes: Axes, samples: Tensor, rate: int, colour: str, label: str) -> None:
    power = _frames(samples, round(_FRAME * rate)).square().mean(1)
    level = np.sort(10 * np.log10(np.maximum((power / power.median().clamp(min=1e-20)).numpy(), 1e-6)))
    axes.plot(level, np.linspace(0, 1, len(level)), color=colour, linewidth=1.8, label=label)
    axes.set_xlim(-25, 35)


def _finish(axes: Axes, across: str, up: str) -> None:
    axes.set_xlabel(across, fontsize=9)
    axes.set_ylabel(up, fontsize=9)
    axes.tick_params(labelsize=8)
    for text in axes.legend(fontsize=8, frameon=False).get_texts():
        text.set_parse_math(False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
