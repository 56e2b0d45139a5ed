"""Pictures of sound: waveform above spectrogram, several sounds on one time axis, events marked; and events seen closely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from foreknow.errors import DataError, ForeknowError
from foreknow.report.reduce import spectrogram, waveform_range

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito: told apart by the colour-blind
_INK = "#1b2430"
_COLUMNS = 1400
_RANGE_DB = 70.0


@dataclass(frozen=True)
class Mark:
    """An event in a picture.

    Attributes:
        start: seconds.
        end: seconds; equal to ``start`` for a point in time.
        kind: its name in the legend; each kind has a colour.
    """

    start: float
    end: float
    kind: str


@dataclass(frozen=True)
class Track:
    """One sound in a picture.

    Attributes:
        label: its name.
        samples: (samples,) real, full scale 1.
        marks: events that are drawn on it.
    """

    label: str
    samples: Tensor = field(repr=False)
    marks: Sequence[Mark] = ()


def sound_figure(tracks: Sequence[Track], rate: int, highest: float | None = None) -> Figure:
    """Sounds below each other on one time axis, each as a waveform above a spectrogram, all at the same scales.

    An hour is drawn in seconds: peaks of the waveform are kept, power is averaged per column of the picture.

    Args:
        tracks: one or more, of equal length.
        rate: hertz.
        highest: upper end of the frequency axis, hertz; None for half the rate.

    Raises:
        DataError: if there is no track, or their lengths differ.
        ForeknowError: if matplotlib is not installed.
    """
    _require_tracks(tracks)
    figure = _new_figure(11.0, 0.75 + 2.45 * len(tracks))
    seconds = tracks[0].samples.shape[0] / rate
    grid = figure.add_gridspec(2 * len(tracks), 1, height_ratios=[1.0, 1.5] * len(tracks), hspace=0.08)
    limit = max(_waveform_limit(track.samples) for track in tracks[:1])
    spectrograms = [spectrogram(track.samples, rate, _COLUMNS) for track in tracks]
    loudest = 10 * np.log10(max(float(np.quantile(spectrograms[0].power, 0.9995)), 1e-20))
    colours = _colours_of(tracks)
    first: Axes | None = None
    image = None
    spectra: list[Axes] = []
    for index, (track, spectrum) in enumerate(zip(tracks, spectrograms, strict=True)):
        wave = figure.add_subplot(grid[2 * index], sharex=first)
        first = first or wave
        _draw_waveform(wave, track, rate, limit, colours)
        axes = figure.add_subplot(grid[2 * index + 1], sharex=first)
        decibel = 10 * np.log10(np.maximum(spectrum.power, 1e-20))
        image = axes.imshow(
            decibel, origin="lower", aspect="auto", cmap="magma", vmin=loudest - _RANGE_DB, vmax=loudest, interpolation="nearest",
            extent=(*spectrum.seconds, spectrum.hertz[0] / 1000, spectrum.hertz[1] / 1000), rasterized=True,
        )  # fmt: skip
        axes.set_ylim(0, (highest or rate / 2) / 1000)
        axes.set_ylabel("kHz", fontsize=9)
        _plain(axes)
        spectra.append(axes)
        wave.tick_params(bottom=False, labelbottom=False)
        if index < len(tracks) - 1:
            axes.tick_params(labelbottom=False)
    if first is not None and image is not None:
        first.set_xlim(0, seconds)
        bar = figure.colorbar(image, ax=spectra, fraction=0.025, pad=0.012, aspect=30)
        bar.set_label("dB of full scale", fontsize=9)
        bar.ax.tick_params(labelsize=8)
    _time_axis(spectra[-1], seconds)
    _legend(figure, tracks, colours)
    return figure


def close_figure(tracks: Sequence[Track], rate: int, centres: Sequence[float], width: float = 0.06, columns: int = 4) -> Figure:
    """Short stretches of sounds, drawn over each other: what single events look like.

    Args:
        tracks: the sounds; the first is drawn grey, the others coloured.
        rate: hertz.
        centres: times to look at, seconds; one small plot each.
        width: seconds shown in each.
        columns: small plots in a row.

    Raises:
        DataError: if there is no track or no time, or the lengths differ.
        ForeknowError: if matplotlib is not installed.
    """
    _require_tracks(tracks)
    if not centres:
        message = "a close look needs one or more times to look at"
        raise DataError(message)
    rows = -(-len(centres) // columns)
    figure = _new_figure(11.0, 0.6 + 1.65 * rows)
    plots = figure.subplots(rows, columns, squeeze=False)
    half = max(2, round(width * rate / 2))
    count = tracks[0].samples.shape[0]
    for place, axes in enumerate(plots.flat):
        if place >= len(centres):
            axes.set_axis_off()
            continue
        centre = min(max(0, round(centres[place] * rate)), count - 1)
        start, end = max(0, centre - half), min(count, centre + half)
        milliseconds = (np.arange(start, end) / rate - centres[place]) * 1000
        for number, track in enumerate(tracks):
            colour, line = ("#9aa5b1", 1.0) if number == 0 else (_COLOURS[(number - 1) % len(_COLOURS)], 1.3)
            values = track.samples[start:end].detach().cpu().double().numpy()
            axes.plot(milliseconds, values, color=colour, linewidth=line, label=track.label if place == 0 else None)
        axes.set_xlim(-500 * width, 500 * width)
        axes.set_yticks([])
        axes.locator_params(axis="x", nbins=5, prune="both")
        axes.set_title(f"{centres[place]:.3f} s", fontsize=8.5, color=_INK, pad=3)
        axes.tick_params(labelbottom=place >= len(centres) - columns)
        _plain(axes)
    figure.supxlabel("milliseconds", fontsize=9)
    legend = figure.legend(loc="outside upper right", ncols=len(tracks), fontsize=9, frameon=False)
    _no_mathematics(legend.get_texts())
    return figure


def _require_tracks(tracks: Sequence[Track]) -> None:
    lengths = {track.samples.shape for track in tracks}
    if len(lengths) != 1 or len(next(iter(lengths))) != 1 or not tracks[0].samples.numel():
        message = f"a picture of sound needs one or more sounds (samples,) of equal length, not {sorted(map(tuple, lengths))}"
        raise DataError(message)


def _new_figure(width: float, height: float) -> Figure:
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        message = "pictures need the library matplotlib; install it with: pip install 'foreknow[lung]'"
        raise ForeknowError(message) from error
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def _waveform_limit(samples: Tensor) -> float:
    """Upper end of the waveform's scale: the peak, unless a few clicks tower above all else; these are drawn cut off."""
    _, low, high = waveform_range(samples, _COLUMNS)
    heights = np.maximum(-low, high)
    peak, usual = float(heights.max()), float(np.quantile(heights, 0.99))
    return 1.08 * (peak if peak <= 4 * usual or usual <= 0 else 2.5 * usual) or 1.0


def _draw_waveform(axes: Axes, track: Track, rate: int, limit: float, colours: dict[str, str]) -> None:
    centres, low, high = waveform_range(track.samples, _COLUMNS)
    seconds = centres / rate
    axes.fill_between(seconds, low, high, color="#33475b", linewidth=0.6, edgecolor="#33475b")
    span = track.samples.shape[0] / rate
    for kind, colour in colours.items():
        marks = [mark for mark in track.marks if mark.kind == kind]
        long = [(mark.start, mark.end - mark.start) for mark in marks if mark.end - mark.start > 0.004 * span]
        if long:
            axes.broken_barh(long, (-limit, 2.3 * limit), color=colour, alpha=0.22, linewidth=0)
        if marks:
            axes.plot(
                [mark.start for mark in marks], [limit * 1.14] * len(marks), linestyle="", marker="v", markersize=4, color=colour
            )
    axes.set_ylim(-limit, 1.3 * limit)
    axes.set_yticks([])
    text = axes.text(0.004, 0.06, track.label, transform=axes.transAxes, fontsize=10, fontweight="bold", color=_INK)
    text.set_bbox({"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.5})
    _no_mathematics([text])
    _plain(axes)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def _colours_of(tracks: Sequence[Track]) -> dict[str, str]:
    kinds = sorted({mark.kind for track in tracks for mark in track.marks})
    return {kind: _COLOURS[index % len(_COLOURS)] for index, kind in enumerate(kinds)}


def _legend(figure: Figure, tracks: Sequence[Track], colours: dict[str, str]) -> None:
    if not colours:
        return
    from matplotlib.lines import Line2D  # noqa: PLC0415

    counts = {kind: max(sum(mark.kind == kind for mark in track.marks) for track in tracks) for kind in colours}
    handles = [
        Line2D([], [], linestyle="", marker="v", markersize=6, color=colour, label=f"{kind.replace('_', ' ')} ({counts[kind]})")
        for kind, colour in colours.items()
    ]
    legend = figure.legend(handles=handles, loc="outside upper right", ncols=len(handles), fontsize=9, frameon=False)
    _no_mathematics(legend.get_texts())


def _time_axis(axes: Axes, seconds: float) -> None:
    axes.set_xlabel("seconds" if seconds <= 120 else "minutes:seconds", fontsize=9)
    if seconds > 120:
        axes.xaxis.set_major_formatter(lambda value, _: f"{int(value) // 60}:{int(value) % 60:02d}")


def _plain(axes: Axes) -> None:
    axes.tick_params(labelsize=8, colors=_INK, length=2.5)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for spine in axes.spines.values():
        spine.set_color("#9aa5b1")


def _no_mathematics(texts: Sequence[object]) -> None:
    """Dollar signs in names are dollar signs."""
    for text in texts:
        text.set_parse_math(False)  # type: ignore[attr-defined]
