"""The engine that counts: frames go in one by one, swallows come out; the same for a camera and for a file."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from foreknow.files.depth import Intrinsics
from foreknow.swallow.decisions import STRIDE, Decisions
from foreknow.swallow.events import OtherEvent, SwallowEvent
from foreknow.swallow.learned.adapt import adapt_placement, shifted
from foreknow.swallow.learned.network import before_recording, network_input
from foreknow.swallow.model import CountingModel, load_model
from foreknow.swallow.movement import RATE, Delivery, Features, FeatureStream, FeatureTable, NeckRegion
from foreknow.swallow.settings import CountSettings
from foreknow.swallow.validity import Quality, judge_test, quality_of
from foreknow.swallow.verdict import Verdict, verdict_of


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

    Args:
        model: that looks at windows.
        threshold: chance above which a swallow counts; None for the model's own.
    """

    def __init__(self, model: CountingModel, threshold: float | None = None) -> None:
        calibration = model.calibration if threshold is None else replace(model.calibration, threshold=threshold)
        self._model = model
        self.decisions = Decisions(calibration)
        self._rows: deque[Tensor] = deque(maxlen=model.window)
        self._count = 0
        self._held: Tensor | None = None

    def push(self, column: Tensor, seconds: float, now: float) -> list[SwallowEvent]:
        """One moment: ``column`` (INPUTS,) of `network_input`, its time, and that of the newest frame."""
        if not self._rows:
            self._rows.extend([before_recording(column)] * self._model.window)
        self._rows.append(column)
        self.decisions.seconds.append(seconds)
        self._count += 1
        if self._count % STRIDE:
            return []
        said = self._model.say(torch.stack(tuple(self._rows), dim=1)[None])
        return self.decisions.look(self._count - 1, {name: part[0] for name, part in said.items()}, now)

    def push_all(self, columns: Tensor, seconds: Sequence[float]) -> None:
        """All moments of a recording at once, (INPUTS, time): the same decisions, sooner."""
        window = self._model.window
        padded = torch.cat((before_recording(columns[:, 0])[:, None].expand(-1, window - 1), columns), dim=1)
        windows = padded.unfold(1, window, 1).transpose(0, 1)
        self.decisions.seconds += list(seconds)
        self._rows.extend(padded[:, -window:].unbind(1))
        self._count = columns.shape[1]
        ends = range(STRIDE - 1, self._count, STRIDE)
        said = self._model.say(windows[STRIDE - 1 :: STRIDE])
        for place, end in enumerate(ends):
            said_of_it = {name: part[place] for name, part in said.items()}
            self.decisions.look(end, said_of_it, seconds[end] + 1 / RATE)  # a camera's next frame completes a moment

    def finish(self) -> list[SwallowEvent]:
        """Decide on what is left at the end."""
        if not self._count:
            return []
        said = self._model.say(torch.stack(tuple(self._rows), dim=1)[None])
        last = self.decisions.seconds[-1]
        return self.decisions.look(self._count - 1, {name: part[0] for name, part in said.items()}, last, last=True)


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
        return result_of(self._reader.decisions, self.features, self.stream, self.settings)

    @property
    def swallows(self) -> tuple[SwallowEvent, ...]:
        """Counted so far."""
        return self._reader.decisions.swallows()

    @property
    def lift(self) -> list[float]:
        """The waveform so far, millimetres; it ends some frames before now."""
        return self._reader.decisions.lift

    def _read(self, features: list[Features], now: float) -> list[SwallowEvent]:
        found = []
        for one in features:
            self.features.append(one)
            column = network_input(one.change[None], one.weight[None], one.pose[None], self.stream.shape)[:, 0]
            found += self._reader.push(column, one.seconds, now)
        return found


def count_table(
    table: FeatureTable, model: CountingModel | None = None, threshold: float | None = None, *, adapt: bool = False
) -> Decisions:
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
    return reader.decisions


def result_of(decisions: Decisions, features: Sequence[Features], stream: FeatureStream, settings: CountSettings) -> CountResult:
    """All that is to be said of a recording."""
    quality = quality_of(features, stream.delivery, settings)
    swallows = decisions.swallows()
    problems = judge_test(quality, settings, chin_found=stream.region is not None and stream.region.chin_found)
    return CountResult(
        swallows=swallows,
        others=decisions.others(),
        seconds=torch.tensor(decisions.seconds[: len(decisions.lift)], dtype=torch.float64),
        lift=torch.tensor(decisions.lift),
        chance=torch.tensor([decisions.calibration.chance(logit) for logit in decisions.logits]),
        quality=quality,
        verdict=verdict_of(swallows, problems, settings),
        delivery=stream.delivery,
        region=stream.region,
        settings=settings,
    )
