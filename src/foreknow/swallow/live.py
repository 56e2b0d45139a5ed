"""A test before a camera: the neck is found, a countdown, the test itself; frames come in their own time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum

import torch
from torch import Tensor

from foreknow.files.depth import DepthVideo, Intrinsics
from foreknow.swallow.counting import CountingEngine, CountResult
from foreknow.swallow.events import SwallowEvent
from foreknow.swallow.learned.network import INPUTS
from foreknow.swallow.model import CountingModel, load_model
from foreknow.swallow.settings import CountSettings
from foreknow.threads import one_thread

Frames = Iterable[tuple[Tensor, float]]
"""Frames (height, width) in metres with NaN where nothing is seen, and their time stamps in seconds."""

_TAIL = 1.6  # seconds after the test in which its last swallow is still decided on
_SHOWN = 300  # moments of the waveform in a state
_WAITING = 12  # frames that may wait for the engine: more than come while it finds the neck


class Phase(Enum):
    """Where a test stands."""

    SEARCH = "looking for the neck"
    COUNTDOWN = "hold still"
    TEST = "swallow as often as you can"
    DONE = "done"


@dataclass(frozen=True)
class LiveState:
    """What is shown while a test runs.

    Attributes:
        phase: where it stands.
        left: seconds of the phase that are left; None while the neck is looked for.
        count: swallows of the test so far.
        found: swallows that were counted with this frame.
        lift: the last seconds of the waveform, millimetres.
        share: of the neck that is seen now, 0 to 1.
        distance: of the neck from the camera, millimetres; None before it was found.
        shift: of the neck since it was found, millimetres.
        computing: milliseconds that this frame took.
        dropped: frames that came too soon to be taken.
    """

    phase: Phase
    left: float | None
    count: int
    found: tuple[SwallowEvent, ...]
    lift: tuple[float, ...] = field(repr=False)
    share: float
    distance: float | None
    shift: float
    computing: float
    dropped: int = 0


class LiveTest:
    """Runs one test on frames as they come; ends by itself when the test is over or no more frames come.

    Args:
        camera: that the frames come from.
        model: the network; the shipped one if None.
        settings: of the test; its start is set when the countdown ends.
        countdown: seconds from the neck's being found to the start.
    """

    def __init__(
        self,
        camera: Intrinsics,
        model: CountingModel | None = None,
        settings: CountSettings | None = None,
        countdown: float = 3.0,
    ) -> None:
        model = model or load_model()
        with one_thread():  # torch loads parts of itself when a network first runs: half a second in which frames would be lost
            model.say(torch.zeros(1, INPUTS, model.window))
        self._engine = CountingEngine(camera, model, settings, "the camera")
        self._countdown = countdown
        self._found: float | None = None
        self._first: float | None = None

    def run(self, frames: Frames, dropped: Callable[[], int] | None = None) -> Iterator[LiveState]:
        """One state a frame.

        Raises:
            DataError: if no neck is found in the first frames.
        """
        with one_thread():
            for frame, seconds in frames:
                begin = time.perf_counter()
                found = self._engine.push(frame, seconds)
                spent = 1000 * (time.perf_counter() - begin)
                state = self._state(seconds, tuple(found), spent, dropped() if dropped else 0)
                yield state
                if state.phase is Phase.DONE:
                    return

    def result(self) -> CountResult:
        """The result; call it once, at the end.

        Raises:
            DataError: if no neck was found, or the test never began.
        """
        with one_thread():
            return self._engine.finish()

    def _state(self, seconds: float, found: tuple[SwallowEvent, ...], spent: float, dropped: int) -> LiveState:
        if self._first is None:
            self._first = seconds
        now, features = seconds - self._first, self._engine.features
        region, settings = self._engine.stream.region, self._engine.settings
        if region is not None and self._found is None:
            self._found = 0.0 if self._countdown <= 0 else now
            settings = replace(settings, start=self._found + self._countdown)
            self._engine.settings = settings
        phase, left = self._phase(now, settings)
        end = settings.start + settings.seconds
        count = sum(settings.start <= swallow.peak <= end for swallow in self._engine.swallows) if self._found is not None else 0
        newest = features[-1] if features else None
        return LiveState(
            phase=phase,
            left=left,
            count=count,
            found=found,
            lift=tuple(self._engine.lift[-_SHOWN:]),
            share=newest.share if newest else 0.0,
            distance=None if region is None or newest is None else region.larynx[2] + float(newest.pose[5]),
            shift=float(newest.pose[3:].norm()) if newest else 0.0,
            computing=spent,
            dropped=dropped,
        )

    def _phase(self, now: float, settings: CountSettings) -> tuple[Phase, float | None]:
        if self._found is None:
            return Phase.SEARCH, None
        end = settings.start + settings.seconds
        if now < settings.start:
            return Phase.COUNTDOWN, settings.start - now
        if now < end + _TAIL:
            return Phase.TEST, max(0.0, end - now)
        return Phase.DONE, 0.0


class Paced:
    """Frames from a thread of their own, in their own time; those that come while too many wait are lost, as a camera's are.

    Args:
        frames: whose time stamps set the pace.
        speed: factor of the pace; 1 is that of the recording.
        wait: whether to wait for time stamps; False for a camera, which waits itself.
        patient: whether frames wait for the engine, so that none is lost: for recordings whose pace does not matter.
    """

    def __init__(self, frames: Frames, speed: float = 1.0, *, wait: bool = True, patient: bool = False) -> None:
        self._frames, self._speed, self._wait, self._patient = frames, speed, wait, patient
        self._queue: queue.Queue[tuple[Tensor, float] | BaseException | None] = queue.Queue(maxsize=_WAITING)
        self._stop = threading.Event()
        self.dropped = 0

    def __iter__(self) -> Iterator[tuple[Tensor, float]]:
        """The frames that were not lost.

        Raises:
            ForeknowError: what the source raised.
        """
        thread = threading.Thread(target=self._deliver, daemon=True)
        thread.start()
        try:
            while (item := self._queue.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            self._stop.set()
            thread.join(timeout=2.0)

    def _deliver(self) -> None:
        last: BaseException | None = None
        begin: tuple[float, float] | None = None
        try:
            for frame, seconds in self._frames:
                if self._stop.is_set():
                    return
                begin = begin or (time.perf_counter(), seconds)
                due = begin[0] + (seconds - begin[1]) / self._speed
                if self._wait and (rest := due - time.perf_counter()) > 0:
                    time.sleep(rest)
                if not self._put((frame, seconds)):
                    self.dropped += 1
        except Exception as error:  # noqa: BLE001  (it is raised where the frames are read)
            last = error
        while not self._stop.is_set():
            try:
                self._queue.put(last, timeout=0.2)
            except queue.Full:
                continue
            return

    def _put(self, item: tuple[Tensor, float]) -> bool:
        """Let a frame wait for the engine; whether there was room."""
        while not self._stop.is_set():
            try:
                self._queue.put(item, block=self._patient, timeout=0.2)
            except queue.Full:
                if self._patient:
                    continue
                return False
            return True
        return True


def frames_of(video: DepthVideo) -> Frames:
    """The frames of a recording with their times."""
    return zip(video.frames, video.timestamps.tolist(), strict=True)
