"""Pictures of depth videos: what happened in a trial, and simulated frames beside real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from foreknow.errors import DataError, ForeknowError
from foreknow.files.depth import DepthVideo
from foreknow.simulate.blur import gaussian_blur
from foreknow.swallow.simulate import Kind, SimulatedTrial

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK = "#1b2430"
_COLOURS = {
    Kind.SWALLOW: "#0072B2",
    Kind.ABORTED: "#56B4E9",
    Kind.SPEECH: "#E69F00",
    Kind.THROAT: "#D55E00",
    Kind.COUGH: "#CC79A7",
    Kind.CHEWING: "#009E73",
    Kind.TURN: "#999999",
    Kind.NOD: "#666666",
}


@dataclass(frozen=True)
class Sample:
    """A depth video in a picture.

    Attributes:
        label: its name.
        video: three frames or more for the differences in time.
    """

    label: str
    video: DepthVideo


def trial_figure(trial: SimulatedTrial) -> Figure:
    """A trial at a glance: depth at rest, at the top of a swallow and the difference; the larynx over time; what happened.

    Raises:
        ForeknowError: if matplotlib is not installed.
    """
    figure = _new_figure(12.0, 7.4)
    grid = figure.add_gridspec(3, 4, height_ratios=[2.4, 1.2, 1.0])
    frames, times = trial.video.frames, trial.video.timestamps
    top = int(trial.lift.argmax())
    rest = int((trial.larynx.abs() + 0.02 * (times - times[top] + 1.5).abs()).argmin())
    pictures = [_depth(frames[rest]), _depth(frames[top])]
    limits = _limits(pictures[0])
    for place, (picture, index) in enumerate(zip(pictures, (rest, top), strict=True)):
        axes = figure.add_subplot(grid[0, place])
        _image(axes, picture, f"depth at {float(times[index]):.2f} s, mm", "turbo", limits)
    span = max(2.0, trial.prominence_mm)
    change = (trial.clean[top] - trial.clean[rest]).numpy() * 1000
    change = change - np.median(change)
    _image(figure.add_subplot(grid[0, 2]), change, "true change to the top of the lift, mm", "RdBu", (-span, span))
    noise = 1000 * (frames[rest] - trial.clean[rest]).numpy()
    wide = max(0.05, 3 * float(np.nanstd(noise)))
    _image(figure.add_subplot(grid[0, 3]), noise, "noise, mm", "gray", (-wide, wide))
    seconds = times.numpy()
    course = figure.add_subplot(grid[1, :])
    course.plot(seconds, trial.larynx.numpy(), color="#9aa5b1", linewidth=1.0, label="larynx")
    course.plot(seconds, trial.lift.numpy(), color=_COLOURS[Kind.SWALLOW], linewidth=1.6, label="by swallows")
    course.set_ylabel("larynx up, mm", fontsize=9)
    others = figure.add_subplot(grid[2, :], sharex=course)
    others.plot(seconds, trial.position[2].numpy(), color="#33475b", linewidth=1.0, label="neck away, mm")
    others.plot(seconds, np.rad2deg(trial.angles[1].numpy()), color="#CC79A7", linewidth=1.0, label="turn, degrees")
    others.plot(seconds, np.rad2deg(trial.angles[0].numpy()), color="#009E73", linewidth=1.0, label="nod, degrees")
    others.set_xlabel("seconds", fontsize=9)
    for axes in (course, others):
        lines = axes.get_legend_handles_labels()
        marks = _events(axes, trial)
        handles = (lines[0] + marks, [*lines[1], *(str(mark.get_label()) for mark in marks)]) if axes is course else lines
        axes.legend(*handles, loc="lower left", bbox_to_anchor=(0, 1.0), fontsize=8, frameon=False, ncols=10, borderaxespad=0.1)
        axes.tick_params(labelsize=8)
        axes.set_xlim(0, float(seconds[-1]))
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    figure.suptitle(
        f"{len(trial.swallows)} swallows; prominence {trial.prominence_mm:.1f} mm; camera at {trial.distance_mm:.0f} mm, "
        f"{trial.pitch_degrees:.0f} degrees up; seed {trial.seed}",
        fontsize=11,
        color=_INK,
    )
    return figure


def comparison_figure(samples: Sequence[Sample]) -> Figure:
    """Depth videos side by side: depth, unevenness, change from frame to frame, and the spectrum of that change.

    Grey scales of one kind span the same multiple of each video's own noise, so that texture and not size is compared; the size is
    written above. Spectra have millimetres.

    Args:
        samples: two or more, each of two frames or more.

    Raises:
        DataError: if a video has less than two frames.
        ForeknowError: if matplotlib is not installed.
    """
    if not samples or any(len(sample.video.frames) < 2 for sample in samples):
        message = "a comparison needs depth videos of two frames or more"
        raise DataError(message)
    figure = _new_figure(3.6 * len(samples), 13.6)
    grid = figure.add_gridspec(4, len(samples))
    spectra = figure.add_subplot(grid[3, :])
    for column, sample in enumerate(samples):
        frame, after = _middle_pair(sample.video)
        picture = _depth(frame)
        _image(figure.add_subplot(grid[0, column]), picture, sample.label, "turbo", _limits(picture))
        uneven = (picture - _smooth(picture)) if np.isfinite(picture).any() else picture
        size = _robust(uneven)
        _image(figure.add_subplot(grid[1, column]), uneven, f"unevenness, {size:.2f} mm", "gray", (-3 * size, 3 * size))
        change = (_depth(after) - picture) / 2**0.5
        change = change - np.nanmedian(change)
        size = _robust(change)
        _image(figure.add_subplot(grid[2, column]), change, f"noise of a frame, {size:.2f} mm", "gray", (-3 * size, 3 * size))
        frequency, power = _spectrum(change)
        spectra.loglog(frequency, power, linewidth=1.8, label=sample.label)
    spectra.set_xlabel("cycles a pixel", fontsize=9)
    spectra.set_ylabel("power of the noise, mm²", fontsize=9)
    spectra.legend(fontsize=8, frameon=False)
    spectra.tick_params(labelsize=8)
    return figure


def central_part(video: DepthVideo, height: int, width: int) -> DepthVideo:
    """The window of a video in which most is seen; of windows as good, the one nearest to the middle."""
    rows, columns = video.frames.shape[1:]
    height, width = min(height, rows), min(width, columns)
    seen = video.valid.to(torch.float32).mean(0)
    table = torch.nn.functional.pad(seen.cumsum(0).cumsum(1), (1, 0, 1, 0))
    share = table[height:, width:] - table[:-height, width:] - table[height:, :-width] + table[:-height, :-width]
    down = torch.arange(share.shape[0])[:, None] - (rows - height) / 2
    right = torch.arange(share.shape[1])[None] - (columns - width) / 2
    score = share / (height * width) - 0.1 * (down.square() + right.square()).sqrt() / max(rows, columns)
    place = int(score.argmax())
    return video.crop(place // share.shape[1], place % share.shape[1], height, width)


def _middle_pair(video: DepthVideo) -> tuple[Tensor, Tensor]:
    """Two frames one after the other that differ, about the middle."""
    frames = video.frames.nan_to_num(0.0)
    differ = (frames[1:] != frames[:-1]).flatten(1).any(1).nonzero().squeeze(1)
    index = int(differ[len(differ) // 2]) if len(differ) else 0
    return video.frames[index], video.frames[index + 1]


def _depth(frame: Tensor) -> np.ndarray:
    return 1000.0 * frame.numpy()


def _smooth(picture: np.ndarray) -> np.ndarray:
    """A local mean of what is seen."""
    values = torch.from_numpy(picture)
    seen = (~values.isnan()).to(values.dtype)
    mean = gaussian_blur(values.nan_to_num(0.0), 5.0) / gaussian_blur(seen, 5.0).clamp(min=1e-3)
    return mean.numpy()


def _robust(values: np.ndarray) -> float:
    size = float(1.4826 * np.nanmedian(np.abs(values - np.nanmedian(values))))
    return max(1e-3, size if size > 0 else float(np.nanstd(values)))  # most differences of coarse steps are 0


def _limits(picture: np.ndarray) -> tuple[float, float]:
    low, high = np.nanpercentile(picture, [2, 92]) if np.isfinite(picture).any() else (0.0, 1.0)
    return float(low), max(float(high), float(low) + 1.0)


def _spectrum(change: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Power per radial frequency, tapered, holes and outliers set to 0."""
    limit = 6 * _robust(change)
    clean = np.where(np.abs(change) < limit, change, 0.0)
    clean = np.nan_to_num(clean - clean.mean())
    taper = np.outer(np.hanning(clean.shape[0]), np.hanning(clean.shape[1]))
    power = np.abs(np.fft.rfft2(clean * taper)) ** 2 / (taper**2).sum()
    rows, columns = np.fft.fftfreq(clean.shape[0])[:, None], np.fft.rfftfreq(clean.shape[1])[None]
    radius = np.hypot(rows, columns)
    edges = np.geomspace(0.012, 0.5, 22)
    place = np.digitize(radius, edges)
    known = [index for index in range(1, len(edges)) if (place == index).any()]
    centres = np.array([np.sqrt(edges[index - 1] * edges[index]) for index in known])
    return centres, np.array([power[place == index].mean() for index in known])


def _events(axes: Axes, trial: SimulatedTrial) -> list[Artist]:
    """Mark what happened; one mark of each kind for the legend."""
    marks: list[Artist] = []
    for kind in dict.fromkeys(event.kind for event in trial.events):
        marked = [event for event in trial.events if event.kind is kind]
        drawn = [axes.axvspan(event.onset, event.end, color=_COLOURS[kind], alpha=0.18, linewidth=0) for event in marked]
        drawn[0].set_label(f"{kind.value.replace('_', ' ')} ({len(marked)})")
        marks.append(drawn[0])
    return marks


def _image(axes: Axes, picture: np.ndarray, title: str, colours: str, limits: tuple[float, float]) -> None:
    axes.imshow(picture, cmap=colours, vmin=limits[0], vmax=limits[1], interpolation="nearest")
    text = axes.set_title(title, fontsize=9, color=_INK)
    text.set_parse_math(False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_facecolor("white")


def _new_figure(width: float, height: float) -> Figure:
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        message = "pictures need the library matplotlib; install it with: pip install 'foreknow[swallow]'"
        raise ForeknowError(message) from error
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")
