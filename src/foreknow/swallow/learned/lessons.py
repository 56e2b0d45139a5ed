"""How the network learns: windows of simulated trials, and a loss of peaks, classes and lift."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from foreknow.errors import ParameterError
from foreknow.learn import Data, Example, Objective
from foreknow.learn.emission import Emit
from foreknow.swallow.learned.network import INPUTS, KINDS, network_input
from foreknow.swallow.learned.variation import varied_window
from foreknow.swallow.movement.chart import CELLS
from foreknow.swallow.movement.feature_stream import RATE
from foreknow.swallow.movement.feature_table import TrialFeatures
from foreknow.swallow.simulate import Kind, TrueEvent

_PEAK_FRAMES = 2.0  # standard deviation of the target about a peak
_LIFT_MM = 10.0
_LEAST_SEEN = 25  # frames of a window that are not before the trial
_NEWEST = (5, 13)  # frames from the end of a window that count most, as announcements are read from them


@dataclass(frozen=True)
class Lesson:
    """One trial to learn from.

    Attributes:
        y: (INPUTS, time) float16.
        peak: (1, time), 1 at the peaks of swallows, falling as a Gaussian.
        kinds: (KINDS, time), 1 while an event of the class lasts.
        lift: (1, time), in units of 10 mm.
    """

    y: Tensor = field(repr=False)
    peak: Tensor = field(repr=False)
    kinds: Tensor = field(repr=False)
    lift: Tensor = field(repr=False)


def lesson_of(trial: TrialFeatures) -> Lesson:
    """What is to be learned from a trial."""
    table = trial.table
    y = network_input(table.change, table.weight, table.pose, table.shape)
    return Lesson(y.half(), *targets(trial.events, table.seconds), trial.lift[None] / _LIFT_MM)


def targets(events: Sequence[TrueEvent], seconds: Tensor) -> tuple[Tensor, Tensor]:
    """Targets of peaks (1, time) and of classes (KINDS, time)."""
    peak, kinds = torch.zeros(1, len(seconds)), torch.zeros(len(KINDS), len(seconds))
    for event in events:
        kinds[KINDS.index(event.kind)] += ((seconds >= event.onset) & (seconds <= event.end)).float()
        if event.kind is Kind.SWALLOW:
            place = int(((seconds - event.peak) * RATE).abs().argmin())
            away = torch.arange(len(seconds)) - place
            peak[0] = torch.maximum(peak[0], torch.exp(-0.5 * (away / _PEAK_FRAMES).square()))
    return peak, kinds.clamp(max=1.0)


class Windows(Data):
    """Windows of trials, other ones in every epoch.

    Args:
        lessons: one or more.
        window: frames.
        size: windows that are called an epoch.
        seed: of the draws.
        varied: whether windows are varied, see `varied_window`.

    Raises:
        ParameterError: if there are none, or they are shorter than a window.
    """

    def __init__(self, lessons: Sequence[Lesson], window: int, size: int, seed: int = 0, *, varied: bool = True) -> None:
        if not lessons or min(lesson.y.shape[1] for lesson in lessons) < window or size < 1:
            message = f"training needs trials of {window} frames or more, and windows"
            raise ParameterError(message)
        self._lessons, self._window, self._size, self._seed = tuple(lessons), window, size, seed
        self._varied = varied

    def __len__(self) -> int:
        """Windows of an epoch."""
        return self._size

    def draw(self, indices: Sequence[int], epoch: int) -> Example:
        """Windows of trials, from places drawn for this epoch; some begin before the trial, at rest."""
        parts: dict[str, list[Tensor]] = {"y": [], "peak": [], "kinds": [], "lift": []}
        for index in indices:
            generator = torch.Generator().manual_seed(1_000_003 * self._seed + 7_919 * epoch + index)
            lesson = self._lessons[int(torch.randint(len(self._lessons), (1,), generator=generator))]
            early = self._window - _LEAST_SEEN
            start = int(torch.randint(lesson.y.shape[1] - self._window + 1 + early, (1,), generator=generator)) - early
            place = torch.arange(start, start + self._window)
            early_part = place < 0
            for name, rows in parts.items():
                row = getattr(lesson, name)[:, place.clamp(min=0)].float()
                if name == "y" and self._varied:
                    row = varied_window(row, generator)
                rows.append(_before(row, early_part, CELLS if name == "y" else len(row)))
        stacked = {name: torch.stack(rows) for name, rows in parts.items()}
        return Example(stacked.pop("y"), stacked)

    def fingerprint(self) -> str:
        """A hash of all trials."""
        digest = hashlib.sha256(f"{self._window} {self._size} {self._seed} {self._varied}".encode())
        for lesson in self._lessons:
            digest.update(lesson.y.contiguous().flatten().view(torch.uint8).numpy().tobytes())
        return f"sha256:{digest.hexdigest()}"


def _before(row: Tensor, early: Tensor, count: int) -> Tensor:
    """Rows of a window of which the first ``count`` are 0 before the trial."""
    return torch.cat((torch.where(early, 0.0, row[:count]), row[count:]))


class SwallowObjective(Objective):
    """Focal loss of peaks (Law and Deng 2018), cross-entropy of classes, Huber loss of the lift; the newest frames count most.

    Args:
        kinds: weight of the classes.
        lift: weight of the lift.
    """

    def __init__(self, kinds: float = 0.3, lift: float = 0.5) -> None:
        super().__init__()
        self.kinds, self.lift = kinds, lift

    def losses(self, emit: Emit, example: Example, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """The loss of each window."""
        if example.y.shape[1] != INPUTS:
            message = f"windows have {INPUTS} rows, not {example.y.shape[1]}"
            raise ParameterError(message)
        found, truth = emit(example.y).components, example.truth
        weight = frame_weights(example.y.shape[2]).to(example.y)
        target = truth["peak"]
        sign = functional.logsigmoid(found["peak"]), functional.logsigmoid(-found["peak"])
        chance = found["peak"].sigmoid()
        hit = target > 0.98
        focal = torch.where(hit, -((1 - chance) ** 2) * sign[0], -((1 - target) ** 4) * chance.square() * sign[1])
        peaks = (weight * focal).sum(dim=(1, 2))
        classes = functional.binary_cross_entropy_with_logits(found["kinds"], truth["kinds"], reduction="none")
        lift = functional.smooth_l1_loss(found["lift"], truth["lift"], reduction="none", beta=0.3)
        mean = weight.sum()
        return peaks + 10 * ((weight * classes).sum(dim=(1, 2)) * self.kinds + (weight * lift).sum(dim=(1, 2)) * self.lift) / mean


def frame_weights(window: int) -> Tensor:
    """How much each frame of a window counts, (window,): those that are read when live most, those without a past not."""
    weight = torch.ones(window)
    weight[:20] = 0.0
    weight[window - _NEWEST[1] : window - _NEWEST[0]] = 4.0
    weight[window - _NEWEST[0] :] = 0.3
    return weight
