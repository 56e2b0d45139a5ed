"""Swallow counters over the prominence of the larynx and the noise of the camera."""

import torch

from benchmarks.swallow_cases import CACHE, NOISES, PROMINENCES, cases, grid
from benchmarks.swallow_judging import OURS, best_threshold, interval, judge, judge_ours
from benchmarks.swallow_methods import METHODS, matched_template, mean_swallow
from benchmarks.table import Table
from foreknow.swallow.learned.train import simulated_trials

TITLE = "Swallows counted: over prominence and noise"
TRIALS = 6
_NOTES = [
    """F1 of events within 0.5 s of the peak, 95 % bootstrap intervals over trials, 0 to 12 swallows in 30 s, all confounders,
    swallows and motion of the normal level. Every field has the same persons and seeds, apart from those that were
    learned from. 64 x 64 pixels of 2.1 mm; noise of a pixel of 0.85 mm. Baselines use the whole trial and have the
    threshold that is best for them on these very trials. `python -m benchmarks.swallow_figure FILE` draws it."""
]


def run(quick: bool) -> Table:
    torch.set_num_threads(1)
    table = Table(["prominence mm", "method", *(f"F1, noise {noise:g} mm" for noise in NOISES)], notes=list(_NOTES))
    names = [f"grid {PROMINENCES[0]} {noise}" for noise in NOISES] if quick else grid()
    everything = {name: list(cases(name, 1 if quick else TRIALS)) for name in names}
    template = matched_template(mean_swallow(simulated_trials(CACHE / "template", range(2 if quick else 12))))
    methods = {**METHODS, "matched template": template}
    scores = {name: [[method(case) for case in some] for some in everything.values()] for name, method in methods.items()}
    thresholds = {name: best_threshold(scores[name], list(everything.values())) for name in methods}
    for place, prominence in enumerate(PROMINENCES[: 1 if quick else None]):
        part = slice(len(NOISES) * place, len(NOISES) * (place + 1))
        groups = list(everything.values())[part]
        label = f"{prominence:g} ({len(groups[0])} trials a field)"
        table.add(label, OURS, *(interval(judge_ours([case.trial for case in some]).scores()) for some in groups))
        for name in methods:
            judged = (judge(those, some, thresholds[name]) for those, some in zip(scores[name][part], groups, strict=True))
            table.add(label, name, *(interval(one.scores()) for one in judged))
    return table
