"""From the frames of a camera, as they come, to features of the neck's movement at even times."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from foreknow.errors import DataError
from foreknow.files.depth import Intrinsics
from foreknow.swallow.movement.chart import CELLS, Chart
from foreknow.swallow.movement.neck_region import NeckRegion, find_neck
from foreknow.swallow.movement.tracking import RigidTracker

RATE = 30.0
"""Features a second, whatever the camera delivers."""
REFERENCE_FRAMES = 15
"""Of the beginning, of which the resting shape is the mean."""

_LOST_SHARE = 0.15  # of the reference that is still seen; below it the neck is lost
_BRIDGED = 0.25  # seconds without frames over which features are interpolated
_LONGEST_GAP = 60.0  # seconds without a frame; more is a wrong rate or two recordings in one
_LOST_FRAMES = 15  # after which the tracker starts from its first pose again


@dataclass(frozen=True, slots=True)
class Features:
    """The neck at one moment.

    Attributes:
        seconds: the moment.
        change: (CELLS,) millimetres by which the surface lies farther away than at rest, rigid motion undone.
        weight: (CELLS,) how well each cell is seen, 0 to 1; all 0 where there was no frame.
        pose: (6,) turns (radians) and shifts (millimetres) of the neck since the beginning.
        share: of the neck's surface that is seen and follows, 0 to 1; 0 where there was no frame.
        spread: robust standard deviation of the residuals of a pixel, millimetres.
    """

    seconds: float
    change: Tensor = field(repr=False)
    weight: Tensor = field(repr=False)
    pose: Tensor = field(repr=False)
    share: float
    spread: float


@dataclass
class Delivery:
    """What came of the camera's frames.

    Attributes:
        frames: taken in.
        repeated: equal in all pixels to the one before; not used.
        empty: in which the neck was not seen.
        missed: moments (at `RATE`) for which there was no frame near enough.
    """

    frames: int = 0
    repeated: int = 0
    empty: int = 0
    missed: int = 0


class FeatureStream:
    """Finds the neck in the first frames, then follows it; causal, with a delay of one frame at most.

    Args:
        camera: that the frames come from.
        name: of the recording, for sentences.

    Attributes:
        region: where the neck is; None before it was found.
        shape: (CELLS,) of the neck at rest, see `Chart.shape`; 0 before it was found.
        delivery: what came of the frames.
    """

    def __init__(self, camera: Intrinsics, name: str = "the recording") -> None:
        self._camera, self._name = camera, name
        self._waiting: list[tuple[float, Tensor]] = []
        self._last: Tensor | None = None
        self._tracker: RigidTracker | None = None
        self._chart: Chart | None = None
        self._recent: deque[Features] = deque()
        self._next: float | None = None
        self._lost = 0
        self._newest: float | None = None
        self.region: NeckRegion | None = None
        self.shape = torch.zeros(CELLS)
        self.delivery = Delivery()

    def push(self, frame: Tensor, seconds: float) -> list[Features]:
        """Take the next frame, (height, width) metres with NaN where nothing is seen; features that it completes, in order.

        Raises:
            DataError: if no neck is found in the first frames, the frame has another size than the camera's, or it comes a minute
                or more after the last.
        """
        if frame.shape != (self._camera.height, self._camera.width):
            wanted = f"{self._camera.height} x {self._camera.width}"
            message = f"a frame of {self._name} has {tuple(frame.shape)} pixels where {wanted} are expected"
            raise DataError(message)
        gap = 0.0 if self._newest is None else seconds - self._newest
        if gap > _LONGEST_GAP:
            message = f"{self._name} has two frames {gap:.0f} s apart; check the rate or the time stamps, or cut it there"
            raise DataError(message)
        self._newest = seconds
        self.delivery.frames += 1
        if self._last is not None and torch.equal(frame.nan_to_num(-1.0), self._last):
            self.delivery.repeated += 1
            return []
        self._last = frame.nan_to_num(-1.0)
        if self._tracker is not None:
            return self._take(self._follow(frame, seconds))
        self._waiting.append((seconds, frame))
        return self._begin() if len(self._waiting) >= REFERENCE_FRAMES else []

    def finish(self) -> list[Features]:
        """The features of the last frames."""
        found = self._begin() if self._tracker is None and self._waiting else []
        return found + self._take(None)

    def _begin(self) -> list[Features]:
        """Find the neck in the frames that have waited, then follow them."""
        waiting, self._waiting = self._waiting, []
        mean = torch.stack([frame for _, frame in waiting]).nanmean(0)
        self.region = find_neck(mean, self._camera, self._name)
        picture = self.region.working_picture(mean)
        self._tracker = RigidTracker(picture, self.region.camera, self.region.larynx, len(waiting))
        self._chart = Chart(self._tracker.points, self._tracker.known, self.region.larynx)
        self.shape = self._chart.shape(self._tracker.points[2])
        self._next = waiting[0][0]
        found: list[Features] = []
        for seconds, frame in waiting:
            found += self._take(self._follow(frame, seconds))
        return found

    def _follow(self, frame: Tensor, seconds: float) -> Features | None:
        assert self._tracker is not None and self._chart is not None and self.region is not None  # noqa: S101, PT018
        tracked = self._tracker.step(self.region.working_picture(frame))
        if tracked.share < _LOST_SHARE:
            self.delivery.empty += 1
            self._lost += 1
            if self._lost % _LOST_FRAMES == 0:
                self._tracker.restart()
            return None
        self._lost = 0
        chart = self._chart.frame(tracked)
        return Features(seconds, chart.change, chart.weight, tracked.pose, tracked.share, tracked.spread)

    def _take(self, measured: Features | None) -> list[Features]:
        """Features at even times that are known now; at the end all that are left."""
        if measured is not None:
            self._recent.append(measured)
        if self._next is None or not self._recent:
            return []
        found = []
        half, latest = 0.5 / RATE, self._recent[-1].seconds
        while self._next + (half if measured is not None else -half) < latest:
            found.append(self._at(self._next))
            self._next += 1 / RATE
            while len(self._recent) > 1 and self._recent[1].seconds <= self._next - half:
                self._recent.popleft()
        return found

    def _at(self, seconds: float) -> Features:
        half = 0.5 / RATE
        near = [one for one in self._recent if abs(one.seconds - seconds) <= half]
        if near:
            return _mean(near, seconds)
        before = [one for one in self._recent if one.seconds < seconds]
        after = [one for one in self._recent if one.seconds > seconds]
        if before and after and after[0].seconds - before[-1].seconds <= _BRIDGED:
            return _between(before[-1], after[0], seconds)
        self.delivery.missed += 1
        held = before[-1] if before else self._recent[0]
        return replace(held, seconds=seconds, weight=torch.zeros(CELLS), share=0.0)


def _mean(some: list[Features], seconds: float) -> Features:
    if len(some) == 1:
        return replace(some[0], seconds=seconds)
    weight = torch.stack([one.weight for one in some])
    change = torch.stack([one.change for one in some])
    return Features(
        seconds,
        (weight * change).sum(0) / weight.sum(0).clamp(min=1e-3),
        weight.mean(0),
        torch.stack([one.pose for one in some]).mean(0),
        sum(one.share for one in some) / len(some),
        sum(one.spread for one in some) / len(some),
    )


def _between(before: Features, after: Features, seconds: float) -> Features:
    share = (seconds - before.seconds) / (after.seconds - before.seconds)
    weights = torch.tensor([1 - share, share])
    seen = torch.stack((before.weight, after.weight)) * weights[:, None]
    change = torch.stack((before.change, after.change))
    return Features(
        seconds,
        (seen * change).sum(0) / seen.sum(0).clamp(min=1e-3),
        torch.minimum(before.weight, after.weight),
        torch.lerp(before.pose, after.pose, share),
        min(before.share, after.share),
        max(before.spread, after.spread),
    )
