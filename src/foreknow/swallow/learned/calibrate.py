"""How high a peak must be to count, and what chance it stands for: chosen on trials that the network did not learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize

from foreknow.learn import Description
from foreknow.swallow.counting import count_table
from foreknow.swallow.decisions import Calibration, Decisions
from foreknow.swallow.learned.network import SwallowNetwork
from foreknow.swallow.model import CountingModel
from foreknow.swallow.movement import TrialFeatures
from foreknow.swallow.scoring import EventScore, match_events
from foreknow.swallow.simulate import Kind

_LEAST = 0.01  # chance of the network's own logit below which a peak is none
_GRID = np.linspace(0.1, 0.9, 33)

Peaks = list[tuple[float, float]]
"""Time and height of the peaks of a trial."""


def calibrate(network: SwallowNetwork, trials: Sequence[TrialFeatures], description: Description) -> CountingModel:
    """Fit a logistic curve to the peaks of trials, and take the threshold with the best F1; of equal ones the middle.

    Decisions that count and those that are taken soon get each their own.

    Args:
        network: trained.
        trials: that it did not learn from.
        description: of the network; what was measured on the trials is added.
    """
    raw = Calibration(threshold=_LEAST)
    readers = [count_table(trial.table, CountingModel(network, raw, raw, description)) for trial in trials]
    true = [[event.peak for event in trial.events if event.kind is Kind.SWALLOW] for trial in trials]
    settled, found = _fitted([_peaks(reader.settled) for reader in readers], true)
    soon, found_soon = _fitted([_peaks(reader.announced) for reader in readers], true)
    metrics = {"f1": found.f1, "precision": found.precision, "recall": found.recall, "f1_announced": found_soon.f1}
    return CountingModel(network, settled, soon, replace(description, metrics=metrics))


def _peaks(decisions: Decisions) -> Peaks:
    return [(one.peak, float(np.log(one.confidence / (1 - one.confidence)))) for one in decisions.swallows()]


def _fitted(peaks: Sequence[Peaks], true: Sequence[Sequence[float]]) -> tuple[Calibration, EventScore]:
    """The calibration of peaks, and how well they are counted with it."""
    logits = np.array([height for some in peaks for _, height in some])
    right = np.array(
        [any(abs(time - peak) <= 0.5 for peak in those) for some, those in zip(peaks, true, strict=True) for time, _ in some]
    )
    slope, offset = _logistic(logits, right.astype(float)) if len(logits) else (1.0, 0.0)
    calibration = Calibration(slope=slope, offset=offset)

    def total(threshold: float) -> EventScore:
        score = EventScore(0, 0, 0)
        for some, those in zip(peaks, true, strict=True):
            kept = [time for time, height in some if calibration.chance(height) >= threshold]
            score = score + match_events(kept, those)
        return score

    scores = np.array([total(float(threshold)).f1 for threshold in _GRID])
    best = _GRID[scores >= scores.max() - 1e-9]
    threshold = float(best[len(best) // 2])
    return replace(calibration, threshold=threshold), total(threshold)


def _logistic(logits: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Slope and offset of the most likely logistic curve, the slope held near 1 where data are few."""

    def cost(parameters: np.ndarray) -> float:
        value = np.exp(parameters[0]) * logits + parameters[1]
        likelihood = np.logaddexp(0.0, np.where(right > 0, -value, value)).sum()
        return float(likelihood + 0.5 * parameters[0] ** 2 + 0.05 * parameters[1] ** 2)

    found = minimize(cost, np.zeros(2), method="Nelder-Mead").x
    return float(np.exp(found[0])), float(found[1])
