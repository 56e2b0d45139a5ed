"""Lines followed through a spectrogram from frame to frame; where two cross, each goes on in its own direction."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_GATE = 2.0  # bins between where a line is expected and where it is found, at most
_REMEMBERED = 8  # frames whose trend says where a line goes
_LOUDNESS = 0.5  # bins that a factor of e in amplitude counts for where lines compete
_MISSING = 4  # frames that may be missing in a line
_SHARED = 16  # frames that it may share with another which it crosses
_TREND = 3  # frames from which on there is a trend

Array = NDArray[np.float64]


@dataclass
class Line:
    """One line.

    Attributes:
        frames: in which it is, one after the other but for gaps.
        places: its bin in each, between bins where they are known better.
        ratios: its amplitude in each, in the unit of the spectrogram.
        sure: how many of these are its own; those that follow it shares with another.
        shared: how many it has shared since.
    """

    frames: list[int] = field(default_factory=list)
    places: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    sure: int = 0
    shared: int = 0

    def expected(self, frame: int) -> float:
        """The bin where it goes on, by the straight line through its last places of its own."""
        last = slice(max(0, self.sure - _REMEMBERED), self.sure)
        frames, places = self.frames[last], self.places[last]
        count = len(frames)
        if count < _TREND:
            return places[-1]
        middle, height = sum(frames) / count, sum(places) / count
        spread = sum((one - middle) ** 2 for one in frames)
        slope = sum((one - middle) * place for one, place in zip(frames, places, strict=True)) / spread
        return height + slope * (frame - middle)

    def take(self, frame: int, place: float, ratio: float) -> None:
        """Go on at a peak of its own."""
        self.frames.append(frame)
        self.places.append(place)
        self.ratios.append(ratio)
        self.sure, self.shared = len(self.frames), 0

    def share(self, frame: int, ratio: float) -> None:
        """Go on where another line has the peak."""
        place = self.expected(frame)
        self.frames.append(frame)
        self.places.append(place)
        self.ratios.append(ratio)
        self.shared += 1

    def cut(self) -> "Line":
        """Without what it only shared at its end."""
        return Line(self.frames[: self.sure], self.places[: self.sure], self.ratios[: self.sure], self.sure)


def peaks(
    strength: Array, smooth: Array, ratio: Array, least: float, band: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], Array, Array]:
    """Where lines may be: maxima over frequency of the smoothed spectrogram where a line goes through.

    Args:
        strength: path-opened, (bins, frames).
        smooth: (bins, frames).
        ratio: unsmoothed, between whose bins the maximum is found by a parabola through logarithms, (bins, frames).
        least: strength.
        band: (bins,), where to look.

    Returns:
        Frames in order, places between bins, ratios; (peaks,) each.
    """
    walled = np.pad(smooth, ((1, 1), (0, 0)), constant_values=-np.inf)
    highest = (smooth > walled[:-2]) & (smooth >= walled[2:])
    frames, bins = np.nonzero((highest & (strength > least) & band[:, None]).T)
    inside = np.clip(bins, 1, ratio.shape[0] - 2)
    low, middle, high = (np.log(np.maximum(ratio[inside + shift, frames], 1e-12)) for shift in (-1, 0, 1))
    bend = low - 2 * middle + high
    shift = np.where(bend < 0, np.clip(0.5 * (low - high) / np.where(bend < 0, bend, -1.0), -1, 1), 0.0)
    return frames, np.asarray(inside + shift, np.float64), np.asarray(smooth[bins, frames], np.float64)


def follow(frames: NDArray[np.int64], places: Array, ratios: Array, shortest: int) -> list[Line]:
    """Lines through peaks, those that span at least so many frames.

    A line expects its next peak on the trend of its last eight; the nearest pairs of lines and peaks, also in loudness, go first
    (McAulay and Quatieri 1986, with a trend). A line that expects a peak where another line took it crosses that line: it goes on
    along its trend for a while.

    Args:
        frames: of the peaks, in order.
        places: bins.
        ratios: amplitudes, positive.
        shortest: frames.
    """
    open_: list[Line] = []
    done: list[Line] = []
    edges = np.flatnonzero(np.diff(frames, prepend=-1, append=frames[-1:] + 1)) if len(frames) else np.zeros(0, np.int64)
    for first, last in pairwise(edges):
        frame = int(frames[first])
        done += [line for line in open_ if frame - line.frames[-1] > _MISSING + 1]
        open_ = [line for line in open_ if frame - line.frames[-1] <= _MISSING + 1]
        _step(frame, places[first:last].tolist(), ratios[first:last].tolist(), open_)
        done += [line for line in open_ if line.shared > _SHARED]
        open_ = [line for line in open_ if line.shared <= _SHARED]
    lines = [line.cut() for line in (*done, *open_)]
    return [line for line in lines if line.frames[-1] - line.frames[0] + 1 >= shortest]


def _step(frame: int, places: list[float], ratios: list[float], lines: list[Line]) -> None:
    """Continue lines in a frame; what none continues begins a line."""
    expected = [line.expected(frame) for line in lines]
    near = [
        (abs(goal - place) + _LOUDNESS * abs(np.log(ratio / line.ratios[-1])), k, j)
        for k, (line, goal) in enumerate(zip(lines, expected, strict=True))
        for j, (place, ratio) in enumerate(zip(places, ratios, strict=True))
        if abs(goal - place) <= _GATE
    ]
    continued: set[int] = set()
    taken: set[int] = set()
    for _, k, j in sorted(near):
        if k not in continued and j not in taken:
            lines[k].take(frame, places[j], ratios[j])
            continued.add(k)
            taken.add(j)
    for _, k, j in sorted(near):
        if k not in continued and lines[k].sure >= _TREND:
            lines[k].share(frame, ratios[j])
            continued.add(k)
    for j, (place, ratio) in enumerate(zip(places, ratios, strict=True)):
        if j not in taken:
            line = Line()
            line.take(frame, place, ratio)
            lines.append(line)
