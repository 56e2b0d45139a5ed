"""A swallowing test replayed at the camera's own 30 frames a second, by the clock: frames lost, delay, computing a frame."""

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from torch import Tensor
from torch.nn.functional import pad

from benchmarks.table import Table
from foreknow.files.depth import DepthVideo
from foreknow.swallow.events import SwallowEvent
from foreknow.swallow.live import LiveTest, Paced, Phase, frames_of
from foreknow.swallow.settings import CountSettings
from foreknow.swallow.simulate import SimulatedTrial, preset, simulate_trial

TITLE = "Swallows counted live: a replay by the clock"
SEED = 150_000_002
_SAME = 0.5  # seconds
_CAMERA = (480, 640)
_NOTES = [
    """One simulated trial of the normal level (160 x 160 pixels of 0.85 mm), alone and in the middle of a picture of 640 x 480
    in which nothing else is seen, delivered by a thread at 30 frames a second of the clock to the live test (neck found,
    1 s of countdown, the test), with twelve frames that may wait; one thread of torch. Lost: frames that came while
    twelve waited. Delay: from the moment a frame was due to the end of its computing, by the clock, after the neck was found.
    Computing: processor time a frame of the thread that computes. Finding: by the clock, of the frame with which the neck
    is found and the 15 frames before it are followed.""",
    "Late: seconds by the frames' time stamps from true peaks to announcements, median and largest; the delay above comes on top.",
]


def run(quick: bool) -> Table:
    columns = ["picture", "frames", "lost", "delay ms: median", "95 %", "99 %", "largest"]
    columns += ["computing ms: median", "95 %", "99 %", "largest", "finding ms", "late s"]
    table = Table(columns, notes=list(_NOTES))
    base = preset("normal")
    schedule = replace(base.schedule, count=1 if quick else 7)
    trial = simulate_trial(replace(base, seconds=6.0 if quick else 34.0, schedule=schedule), SEED)
    for name, video in (("160 x 160", trial.video), ("640 x 480", within(trial.video, *_CAMERA))):
        table.add(name, *_replayed(video, trial, 3.0 if quick else 30.0))
    return table


def within(video: DepthVideo, height: int, width: int) -> DepthVideo:
    """The video in the middle of a larger picture that shows nothing else."""
    assert video.intrinsics is not None
    rows, columns = video.frames.shape[1:]
    top, left = (height - rows) // 2, (width - columns) // 2
    frames = pad(video.frames, (left, width - columns - left, top, height - rows - top), value=float("nan"))
    camera = replace(video.intrinsics, width=width, height=height, cx=video.intrinsics.cx + left, cy=video.intrinsics.cy + top)
    return DepthVideo(frames, video.timestamps, camera)


def _replayed(video: DepthVideo, trial: SimulatedTrial, seconds: float) -> list[str | int | float | None]:
    """One replay in real time."""
    assert video.intrinsics is not None
    begin: list[float] = []
    stamps: list[float] = []

    def delivered() -> Iterator[tuple[Tensor, float]]:
        for frame, stamp in frames_of(video):
            begin.extend([] if begin else [time.perf_counter() - stamp])
            yield frame, stamp

    paced = Paced(delivered())

    def taken() -> Iterator[tuple[Tensor, float]]:
        for frame, stamp in paced:
            stamps.append(stamp)
            yield frame, stamp

    test = LiveTest(video.intrinsics, settings=CountSettings(seconds=seconds), countdown=1.0)
    delays: list[float] = []
    spent: list[float] = []
    finding: list[float] = []
    announced: list[SwallowEvent] = []
    used = time.thread_time()
    for state in test.run(taken(), lambda: paced.dropped):
        now, before, used = time.perf_counter(), used, time.thread_time()
        if finding:
            spent.append(1000 * (used - before))
            delays.append(1000 * (now - begin[0] - stamps[-1]))
            announced += state.found
        elif state.phase is not Phase.SEARCH:
            finding.append(state.computing)
    true = [event.peak for event in trial.swallows]
    late = [one.announced - near[0] for one in announced if (near := [peak for peak in true if abs(peak - one.peak) <= _SAME])]
    shares = [round(float(value), 1) for part in (delays, spent) for value in np.percentile(part, [50, 95, 99, 100])]
    lateness = f"{np.median(late):.2f}, {max(late):.2f}" if late else None
    return [len(stamps), paced.dropped, *shares, round(finding[0], 1), lateness]
