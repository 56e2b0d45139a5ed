"""The engine that counts: frames go in one by one, swallows come out; the same for a camera and for a file."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from foreknow.files.depth import Intrinsics
from foreknow.swallow.decisions import ANNOUNCING, SETTLING, STRIDE, Decisions
from foreknow.swallow.events import OtherEvent, SwallowEvent, beside_each_other
from foreknow.swallow.learned.adapt import adapt_placement, shifted
from foreknow.swallow.learned.network import before_recording, network_input
from foreknow.swallow.model import CountingModel, load_model
from foreknow.swallow.movement import RATE, Delivery, Features, FeatureStream, FeatureTable, NeckRegion
from foreknow.swallow.settings import CountSettings
from foreknow.swallow.validity import Quality, judge_test, quality_of
from foreknow.swallow.verdict import Verdict, verdict_of

_SAME = 0.5  # seconds between the peaks of an announcement and of what it became


@dataclass(frozen=True)
class CountResult:
    """What was found in a recording.

    Attributes:
        swallows: all that were counted, in order; those outside the test too.
        others: what was told from them.
        seconds: (time,) of the waveform, from the first frame.
        lift: (time,) how far the larynx is up by the network's estimate, millimetres.
        chance: (time,) logit of a swallow's peak.
        quality: how well the neck was seen.
        verdict: of the test.
        delivery: what came of the frames.
        region: where the neck is; None if no frame came.
        settings: that were used.
    """

    swallows: tuple[SwallowEvent, ...]
    others: tuple[OtherEvent, ...]
    seconds: Tensor = field(repr=False)
    lift: Tensor = field(repr=False)
    chance: Tensor = field(repr=False)
    quality: Quality
    verdict: Verdict
    delivery: Delivery
    region: NeckRegion | None
    settings: CountSettings


class WindowReader:
    """Features in, decisions out; keeps the last window.

    Every moment is decided on twice: soon, so that a swallow can be announced, and when its whole course has been seen. The second
    word counts.

    Args:
        model: that looks at windows.
        threshold: chance above which a swallow counts; None for the model's own.

    Attributes:
        announced: decisions taken soon.
        settled: decisions that count.
    """

    def __init__(self, model: CountingModel, threshold: float | None = None) -> None:
        soon, late = model.announcing, model.calibration
        if threshold is not None:
            soon, late = replace(soon, threshold=threshold), replace(late, threshold=threshold)
        seconds: list[float] = []
        self.announced, self.settled = Decisions(soon, ANNOUNCING, seconds), Decisions(late, SETTLING, seconds)
        self._model = model
        self._seconds = seconds
        self._rows: deque[Tensor] = deque(maxlen=model.window)
        self._count = 0

    def push(self, column: Tensor, seconds: float, now: float) -> list[SwallowEvent]:
        """One moment: ``column`` (INPUTS,) of `network_input`, its time, and that of the newest frame; what is announced now."""
        if not self._rows:
            self._rows.extend([before_recording(column)] * self._model.window)
        self._rows.append(column)
        self._seconds.append(seconds)
        self._count += 1
        if self._count % STRIDE:
            return []
        said = self._model.say(torch.stack(tuple(self._rows), dim=1)[None])
        return self._look(self._count - 1, {name: part[0] for name, part in said.items()}, now)

    def push_all(self, columns: Tensor, seconds: Sequence[float]) -> None:
        """All moments of a recording at once, (INPUTS, time): the same decisions, sooner."""
        window = self._model.window
        padded = torch.cat((before_recording(columns[:, 0])[:, None].expand(-1, window - 1), columns), dim=1)
        windows = padded.unfold(1, window, 1).transpose(0, 1)
        self._seconds += list(seconds)
        self._rows.extend(padded[:, -window:].unbind(1))
        self._count = columns.shape[1]
        ends = range(STRIDE - 1, self._count, STRIDE)
        said = self._model.say(windows[STRIDE - 1 :: STRIDE])
        for place, end in enumerate(ends):
            said_of_it = {name: part[place] for name, part in said.items()}
            self._look(end, said_of_it, seconds[end] + 1 / RATE)  # a camera's next frame completes a moment

    def finish(self) -> None:
        """Decide on what is left at the end."""
        if not self._count:
            return
        said = self._model.say(torch.stack(tuple(self._rows), dim=1)[None])
        last = self._seconds[-1]
        self._look(self._count - 1, {name: part[0] for name, part in said.items()}, last, last=True)

    def swallows(self) -> tuple[SwallowEvent, ...]:
        """Those that count, each with the time at which it was first announced, and after them those not settled yet."""
        settled, announced = self.settled.swallows(), self.announced.swallows()
        known = tuple(_announced(one, announced) for one in settled)
        begin = self._seconds[len(self.settled.logits) - 1] if self.settled.logits else -1.0
        pending = (one for one in announced if one.peak > begin and not any(abs(one.peak - s.peak) < _SAME for s in settled))
        return (*known, *pending)

    @property
    def lift(self) -> list[float]:
        """The waveform so far, millimetres: what has settled, and after it what is known soon."""
        return self.settled.lift + self.announced.lift[len(self.settled.lift) :]

    def _look(self, end: int, said: dict[str, Tensor], now: float, *, last: bool = False) -> list[SwallowEvent]:
        self.settled.look(end, said, now, last=last)
        return self.announced.look(end, said, now, last=last)


def _announced(swallow: SwallowEvent, sooner: Sequence[SwallowEvent]) -> SwallowEvent:
    """A swallow with the time of the announcement that was of it, if there was one."""
    times = [one.announced for one in sooner if abs(one.peak - swallow.peak) <= _SAME]
    return replace(swallow, announced=min([*times, swallow.announced]))


class CountingEngine:
    """Counts swallows while frames come.

    Args:
        camera: that the frames come from.
        model: the network; the shipped one if None.
        settings: of the test.
        name: of the recording, for sentences.
    """

    def __init__(
        self,
        camera: Intrinsics,
        model: CountingModel | None = None,
        settings: CountSettings | None = None,
        name: str = "the recording",
    ) -> None:
        self.settings = settings or CountSettings()
        self.stream = FeatureStream(camera, name)
        self._reader = WindowReader(model or load_model(), self.settings.threshold)
        self.features: list[Features] = []
        self._origin: float | None = None

    def push(self, frame: Tensor, seconds: float) -> list[SwallowEvent]:
        """Take the next frame, (height, width) metres with NaN where nothing is seen; swallows that are counted now.

        Raises:
            DataError: if no neck is found in the first frames.
        """
        if self._origin is None:
            self._origin = seconds
        now = seconds - self._origin
        return self._read(self.stream.push(frame, now), now)

    def finish(self) -> CountResult:
        """The result, when no more frames come.

        Raises:
            DataError: if there were no frames, or no neck in them.
        """
        last = self.features[-1].seconds if self.features else 0.0
        self._read(self.stream.finish(), last)
        self._reader.finish()
        return result_of(self._reader, self.features, self.stream, self.settings)

    @property
    def swallows(self) -> tuple[SwallowEvent, ...]:
        """Counted so far, those that are not settled yet among them."""
        return self._reader.swallows()

    @property
    def lift(self) -> list[float]:
        """The waveform so far, millimetres; it ends some frames before now."""
        return self._reader.lift

    def _read(self, features: list[Features], now: float) -> list[SwallowEvent]:
        found = []
        for one in features:
            self.features.append(one)
            column = network_input(one.change[None], one.weight[None], one.pose[None], self.stream.shape)[:, 0]
            found += self._reader.push(column, one.seconds, now)
        return found


def count_table(
    table: FeatureTable, model: CountingModel | None = None, threshold: float | None = None, *, adapt: bool = False
) -> WindowReader:
    """Count in features that are all there.

    Args:
        table: the features.
        model: the network; the shipped one if None.
        threshold: chance above which a swallow counts; None for the model's own.
        adapt: whether the larynx's place is first adapted to the recording, see `adapt_placement`.
    """
    model = model or load_model()
    reader = WindowReader(model, threshold)
    columns = network_input(table.change, table.weight, table.pose, table.shape)
    if adapt:
        columns = shifted(columns, adapt_placement(model.network, columns).cells)
    reader.push_all(columns, table.seconds.tolist())
    reader.finish()
    return reader


def _evened(lift: Sequence[float]) -> Tensor:
    """The waveform less the ripple that comes of every other frame's being read with one frame more of future."""
    if len(lift) < 3:
        return torch.tensor(lift)
    course = torch.tensor([lift[0], *lift, lift[-1]])
    return (course[:-2] + 2 * course[1:-1] + course[2:]) / 4


def result_of(reader: WindowReader, features: Sequence[Features], stream: FeatureStream, settings: CountSettings) -> CountResult:
    """All that is to be said of a recording."""
    decisions = reader.settled
    quality = quality_of(features, stream.delivery, settings)
    swallows = beside_each_other(reader.swallows())
    problems = judge_test(quality, settings, chin_found=stream.region is not None and stream.region.chin_found)
    return CountResult(
        swallows=swallows,
        others=decisions.others(),
        seconds=torch.tensor(decisions.seconds[: len(decisions.lift)], dtype=torch.float64),
        lift=_evened(decisions.lift),
        chance=torch.tensor([decisions.calibration.chance(logit) for logit in decisions.logits]),
        quality=quality,
        verdict=verdict_of(swallows, problems, settings),
        delivery=stream.delivery,
        region=stream.region,
        settings=settings,
    )
