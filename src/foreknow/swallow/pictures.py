"""The waveform as a clinician reads it: seconds along, the larynx up, a number at every swallow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foreknow.errors import ForeknowError
from foreknow.swallow.counting import CountResult
from foreknow.swallow.simulate.events import Kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_USUAL_MM = 26.0  # the least height of the axis, so that weak swallows look weak
INK, LINE, MARK = "#1b2430", "#0072B2", "#D55E00"
KIND_COLOURS = {
    Kind.ABORTED: "#56B4E9",
    Kind.SPEECH: "#E69F00",
    Kind.THROAT: "#F0E442",
    Kind.COUGH: "#CC79A7",
    Kind.CHEWING: "#009E73",
    Kind.TURN: "#999999",
    Kind.NOD: "#666666",
}


def kind_name(kind: Kind) -> str:
    """A class in words."""
    return kind.value.replace("_", " ")


def waveform_figure(result: CountResult, size: tuple[float, float] = (11.0, 3.6)) -> Figure:
    """The waveform with its swallows, and what else happened as a band below it.

    Raises:
        ForeknowError: if matplotlib is not installed.
    """
    figure = new_figure(*size)
    grid = figure.add_gridspec(2, 1, height_ratios=[5, 1], hspace=0.05)
    axes = figure.add_subplot(grid[0])
    draw_waveform(axes, result)
    band = figure.add_subplot(grid[1], sharex=axes)
    draw_others(band, result)
    axes.tick_params(labelbottom=False)
    return figure


def draw_waveform(axes: Axes, result: CountResult) -> None:
    """The waveform and its swallows on axes."""
    seconds, lift = result.seconds.numpy(), result.lift.numpy()
    settings = result.settings
    begin, end = settings.start, settings.start + settings.seconds
    last = float(seconds[-1]) if len(seconds) else end
    top = max(_USUAL_MM, 1.2 * float(lift.max()) if len(lift) else 0.0)
    axes.axvspan(begin, end, color="#eef3f8", zorder=0)
    axes.axhline(0, color="#c8d0d8", linewidth=0.8, zorder=1)
    axes.plot(seconds, lift, color=LINE, linewidth=1.5, zorder=3)
    number = 0
    for swallow in result.swallows:
        inside = begin <= swallow.peak <= end
        number += inside
        during = lift[(seconds >= swallow.onset) & (seconds <= swallow.end)]
        height = float(during.max(initial=0.0)) + 0.03 * top  # above the waveform, not in it
        colour = MARK if inside else "#8a97a5"
        axes.axvspan(swallow.onset, swallow.end, color=colour, alpha=0.13, linewidth=0, zorder=1)
        axes.plot([swallow.peak], [height], marker="v", color=colour, markersize=6, zorder=4)
        label = f"{number}" if inside else "–"
        label += "?" if swallow.unsure else ""
        axes.annotate(label, (swallow.peak, height), (0, 5), textcoords="offset points", ha="center", fontsize=10, color=colour)
    axes.set_xlim(0, max(last, min(end, last + 1)))
    axes.set_ylim(min(-4.0, 1.1 * float(lift.min()) if len(lift) else 0.0), top)
    axes.set_ylabel("larynx up, mm (estimate)", fontsize=9, color=INK)
    _plain(axes)


def draw_others(axes: Axes, result: CountResult) -> None:
    """What else happened, as bars."""
    for event in result.others:
        colour = KIND_COLOURS[event.kind]
        axes.barh(0, event.end - event.onset, left=event.onset, height=0.8, color=colour, edgecolor="white", linewidth=0.5)
    kinds = dict.fromkeys(event.kind for event in result.others)
    handles = [axes.barh(0, 0, color=KIND_COLOURS[kind], label=kind_name(kind)) for kind in kinds]
    if handles:
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.75), ncols=7, fontsize=8, frameon=False)
    axes.set_ylim(-0.5, 0.5)
    axes.set_yticks([])
    axes.set_ylabel("other", fontsize=8, rotation=0, ha="right", va="center", color=INK)
    axes.set_xlabel("seconds", fontsize=9, color=INK, loc="right")
    _plain(axes)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of some inches.

    Raises:
        ForeknowError: if matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        message = "pictures need the library matplotlib; install it with: pip install 'foreknow[swallow]'"
        raise ForeknowError(message) from error
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def _plain(axes: Axes) -> None:
    axes.tick_params(labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
