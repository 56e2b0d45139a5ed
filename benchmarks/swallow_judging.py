"""How swallow counters are judged: events against the truth, thresholds of baselines, intervals over trials."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.swallow_cases import SwallowCase
from benchmarks.swallow_methods import Score, peaks_above
from benchmarks.table import Estimate
from foreknow.swallow.counting import WindowReader, count_table
from foreknow.swallow.model import load_model
from foreknow.swallow.movement import FeatureTable, TrialFeatures
from foreknow.swallow.scoring import EventScore, match_events
from foreknow.swallow.simulate import Kind

OURS = "foreknow"
_THRESHOLDS = np.geomspace(1.0, 40.0, 40)
_SAME = 0.5  # seconds


@dataclass
class Judged:
    """One method on a group of trials.

    Attributes:
        found: times of events of each trial.
        true: times of the true ones.
        correlations: of the waveform with the true lift, of trials that have one.
        announced: times of events that were announced, of each trial; none for methods that see the whole trial.
        late: seconds from true peaks to their announcements.
    """

    found: list[list[float]] = field(default_factory=list)
    true: list[list[float]] = field(default_factory=list)
    correlations: list[float] = field(default_factory=list)
    announced: list[list[float]] = field(default_factory=list)
    late: list[float] = field(default_factory=list)

    def scores(self, tolerance: float = _SAME) -> list[EventScore]:
        """One a trial."""
        return [match_events(found, true, tolerance) for found, true in zip(self.found, self.true, strict=True)]

    def f1(self, tolerance: float = _SAME) -> float:
        """Of all events."""
        return sum(self.scores(tolerance), EventScore(0, 0, 0)).f1

    def f1_announced(self) -> float:
        """Of all announcements."""
        pairs = zip(self.announced, self.true, strict=True)
        return sum((match_events(found, true) for found, true in pairs), EventScore(0, 0, 0)).f1


def judge_ours(trials: Sequence[TrialFeatures], count: Callable[[FeatureTable], WindowReader] | None = None) -> Judged:
    judged, model = Judged(), load_model()
    for trial in trials:
        reader = count_table(trial.table, model) if count is None else count(trial.table)
        true = true_peaks(trial)
        announced = reader.announced.swallows()
        judged.found.append([swallow.peak for swallow in reader.settled.swallows()])
        judged.true.append(true)
        judged.announced.append([swallow.peak for swallow in announced])
        for swallow in announced:
            near = [peak for peak in true if abs(peak - swallow.peak) <= _SAME]
            judged.late += [swallow.announced - near[0]] if near else []
        lift = trial.lift.numpy()[: len(reader.lift)]
        if lift.max() > 1:
            judged.correlations.append(float(np.corrcoef(reader.lift[: len(lift)], lift)[0, 1]))
    return judged


def judge(scores: Sequence[Score], some: Sequence[SwallowCase], threshold: float) -> Judged:
    """A baseline that gives a score over time."""
    judged = Judged()
    for score, case in zip(scores, some, strict=True):
        judged.found.append(peaks_above(score, case.trial.table, threshold))
        judged.true.append(true_peaks(case.trial))
        lift = case.trial.lift.numpy()
        if lift.max() > 1:
            judged.correlations.append(float(np.corrcoef(score, lift)[0, 1]))
    return judged


def best_threshold(scores: Sequence[Sequence[Score]], some: Sequence[Sequence[SwallowCase]]) -> float:
    """The threshold with the best F1 over all groups."""

    def total(threshold: float) -> float:
        found = EventScore(0, 0, 0)
        for those, cases in zip(scores, some, strict=True):
            for one in judge(those, cases, threshold).scores():
                found = found + one
        return found.f1

    return float(max(_THRESHOLDS, key=total))


def true_peaks(trial: TrialFeatures) -> list[float]:
    return [event.peak for event in trial.events if event.kind is Kind.SWALLOW]


def interval(scores: Sequence[EventScore]) -> Estimate:
    """F1 of all events with an interval over trials."""
    counts = np.array([(one.hits, one.extra, one.missed) for one in scores], float)
    drawn = counts[np.random.default_rng(0).integers(len(counts), size=(1000, len(counts)))].sum(axis=1)
    whole = 2 * drawn[:, 0] + drawn[:, 1] + drawn[:, 2]
    values = np.where(whole > 0, 2 * drawn[:, 0] / np.maximum(1, whole), 1.0)
    low, high = np.quantile(values, (0.025, 0.975))
    return Estimate(sum(scores, EventScore(0, 0, 0)).f1, float(low), float(high), digits=3)
