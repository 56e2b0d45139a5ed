"""Swallows counted from depth video: simulated persons of known truth, real noise and breathing, common methods beside it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from benchmarks.swallow_cases import CACHE, CLIPS, LEVELS, cases, groups
from benchmarks.swallow_judging import OURS, Judged, best_threshold, interval, judge, judge_ours
from benchmarks.swallow_methods import METHODS, matched_template, mean_swallow
from benchmarks.swallow_planted import planted
from benchmarks.table import Estimate, Table
from foreknow.swallow.counting import WindowReader, count_table
from foreknow.swallow.learned.train import simulated_trials
from foreknow.swallow.model import load_model
from foreknow.swallow.movement import COLUMNS, ROWS, FeatureTable, TrialFeatures
from foreknow.swallow.scoring import EventScore, cohen_kappa

TITLE = "Swallows counted from depth video"
_CUTOFF = 3
_MISPLACED = 20  # trials
_NOTES = [
    """Simulated trials of 30 s at 30 frames a second, persons and seeds of their own (from 100000 on; the network learned from
    others, and nobody looked at these before). easy, normal, hard: the presets of the simulator (prominence 4, 4 and 1.5 mm; noise
    of a pixel 0.3, 1 and 2 mm; few or all confounders), 0 to 12 swallows. 64 x 64 pixels of 2.1 mm with the presets' noise spectrum
    in millimetres; "hard 160": all 160 x 160 pixels. F1 at 0.5 s of the peak, events pooled, 95 % bootstrap intervals over trials;
    0.25 and 1 s beside it. Exact, within 1: shares of trials by the error of the count. Kappa: agreement on fewer than 3.""",
    """False a minute: swallows counted a minute; "only" are clips of 30 s without any swallow, with speech (10 stretches a minute),
    chewing (8), turns and nods (14), throat clearing (10), cough (10), aborted swallows (8). Correlation: of the waveform with the
    true lift of the larynx, median over trials with swallows.""",
    """Counts are settled when the whole course of a swallow was seen (1.5 s after its peak). Announced: F1 of what was announced
    before that; late: seconds from the true peak to the announcement, median and 95 %.""",
    """12 mm off: the larynx was taken to lie 12 mm from where it was found; adapted: moved, without labels, to where the declared
    model explains the recording best.""",
    """Baselines see the same registered deformation (principal component, template) or the raw depth about the larynx (region mean,
    silhouette), use the whole trial, and have the threshold that is best for them on these very trials of all levels; foreknow's
    threshold was chosen on training persons.""",
    """Planted: necks of the middle level, prominence 2 to 5 mm, 1.7 mm a pixel, with noise, holes and steps of real frames (iPhone
    TrueDepth on a plane, Kinect in a room, scaled with the square of the distance, 4 of their pixels to one) or with the breathing
    of persons measured by a D435. No real swallow is in any of these data: how well real patients are counted is not known.""",
]
_COLUMNS = [
    "trials",
    "method",
    "F1",
    "precision",
    "recall",
    "F1 0.25 s",
    "F1 1 s",
    "exact",
    "within 1",
    "kappa",
    "false a minute",
    "correlation",
    "F1 announced",
    "late s",
]


def run(quick: bool) -> Table:
    torch.set_num_threads(1)
    table = Table(list(_COLUMNS), notes=list(_NOTES))
    everything = {group: list(cases(group, count)) for group, count in groups(quick).items()}
    template = matched_template(mean_swallow(simulated_trials(CACHE / "template", range(2 if quick else 12))))
    methods = {**METHODS, "matched template": template}
    compared = [group for group in everything if group != "hard 160"]
    scores = {name: {group: [method(case) for case in everything[group]] for group in compared} for name, method in methods.items()}
    thresholds = {
        name: best_threshold([scores[name][level] for level in LEVELS], [everything[level] for level in LEVELS]) for name in methods
    }
    for group in [*LEVELS, *(["hard 160"] if "hard 160" in everything else []), *CLIPS]:
        _add(table, group, OURS, judge_ours([case.trial for case in everything[group]]))
        for name in methods if group in compared else ():
            _add(table, group, name, judge(scores[name][group], everything[group], thresholds[name]))
    _add_misplaced(table, [case.trial for case in everything["hard"]][:_MISPLACED])
    for name, draw in ({} if quick else planted()).items():
        _add(table, f"planted: {name}", OURS, judge_ours(list(draw())))
    return table


def _add_misplaced(table: Table, trials: Sequence[TrialFeatures]) -> None:
    """The larynx taken to be 12 mm too low, without and with adaptation to the recording."""

    def misplaced(adapt: bool) -> Callable[[FeatureTable], WindowReader]:
        def count(features: FeatureTable) -> WindowReader:
            rows = (torch.arange(ROWS) - 3).clamp(0, ROWS - 1)
            parts = {name: getattr(features, name).reshape(-1, ROWS, COLUMNS)[:, rows].flatten(1) for name in ("change", "weight")}
            shape = features.shape.reshape(ROWS, COLUMNS)[rows].flatten()
            return count_table(replace(features, **parts, shape=shape), load_model(), adapt=adapt)

        return count

    for adapt in (False, True):
        _add(table, "hard, 12 mm off", f"{OURS}{', adapted' if adapt else ''}", judge_ours(trials, misplaced(adapt)))


def _add(table: Table, group: str, method: str, judged: Judged) -> None:
    scores = judged.scores()
    total = sum(scores, EventScore(0, 0, 0))
    minutes = 0.5 * len(scores)
    if group in CLIPS:
        cells: list[float | Estimate | None] = [None] * 8
        table.add(f"{group} ({len(scores)})", method, *cells, _digits((total.extra) / minutes, 2), None, None, None)
        return
    errors = np.abs([len(found) - len(true) for found, true in zip(judged.found, judged.true, strict=True)])
    kappa = cohen_kappa([len(found) < _CUTOFF for found in judged.found], [len(true) < _CUTOFF for true in judged.true])
    late = f"{np.median(judged.late):.2f}, {np.percentile(judged.late, 95):.2f}" if judged.late else None
    table.add(
        f"{group} ({len(scores)})",
        method,
        interval(scores),
        *(_digits(value, 3) for value in (total.precision, total.recall)),
        *(_digits(judged.f1(tolerance), 3) for tolerance in (0.25, 1.0)),
        *(_digits(float(value), 2) for value in ((errors == 0).mean(), (errors <= 1).mean(), kappa)),
        _digits(total.extra / minutes, 2),
        _digits(float(np.median(judged.correlations)), 3) if judged.correlations else None,
        _digits(judged.f1_announced(), 3) if judged.announced else None,
        late,
    )


def _digits(value: float, digits: int) -> float:
    return round(value, digits)
