"""Wheezes in annotated breaths of real recordings: a score by rate, beside plain ones."""

from torch import Tensor

from benchmarks.lung_span_f1 import span_f1
from benchmarks.lung_spans import (
    CONTINUOUS,
    POOLS,
    WHEEZES,
    WITHOUT,
    Pooled,
    Span,
    auc_difference,
    score_spans,
    sounds,
    span_auc,
)
from benchmarks.lung_wheeze_methods import METHODS
from benchmarks.table import Table

TITLE = "Lung sounds: wheezes in annotated breaths"


def run(quick: bool) -> Table:
    table = Table(["data", "method", "measure", "value", "of"])
    scored = [_real(table, corpus, quick=quick) for corpus in ("sprsound", "icbhi", "kauh")]
    _pooled(table, [scores for scores in scored if scores])
    table.notes += [
        "Real: mean of the score over annotated spans, with against without the sound; 95 % intervals, patients with replacement.",
        "F1: spans of a patient at the threshold that is best on all others. Differences: patients drawn together.",
        "Nothing was trained on real recordings. The form of the score (mean along the best path, voices left out) was found",
        "after looking at these; its thresholds were set on simulated recordings. Other patients are needed for a clean figure.",
        "Pooled: spans compared within a corpus; every corpus counts the same, or every pair of spans. Patients drawn in each.",
        "ICBHI has 14 cycles with wheezes of 2 patients; KAUH labels whole files: intervals are wide.",
    ]
    return table


def _pooled(table: Table, scored: list[dict[str, list[Span]]]) -> None:
    """All corpora together."""
    if len(scored) < 2:
        return
    first, *others = scored[0]
    pooled = {name: Pooled([scores[name] for scores in scored], WHEEZES, WITHOUT) for name in scored[0]}
    size = f"{len(scored)} corpora"
    for pooling, pool in POOLS.items():
        for name, aucs in pooled.items():
            table.add("pooled", name, f"AUC, wheeze, {pooling}", aucs.auc(pool), size)
        for name in others:
            difference = pooled[first].minus(pooled[name], pool)
            table.add("pooled", f"foreknow minus {name}", f"AUC, wheeze, {pooling}", difference, size)


def _real(table: Table, corpus: str, *, quick: bool) -> dict[str, list[Span]]:
    """Scores of the spans of a corpus by method; none if it is not there."""
    recordings: list[tuple[Tensor, list[dict[str, str]]]] = sounds(corpus)
    if not recordings:
        table.notes.append(f"{corpus} was left out: ../shared/data/lung is not present.")
        return {}
    methods = dict(list(METHODS.items())[:4]) if quick else METHODS
    scores: dict[str, list[Span]] = {name: score_spans(recordings, method) for name, method in methods.items()}
    first, *others = scores
    for kinds, label in ((WHEEZES, "wheeze"), (CONTINUOUS, "wheeze, rhonchi or stridor")):
        if corpus != "sprsound" and kinds is CONTINUOUS:
            continue
        size = f"{sum(span.kind in kinds for span in scores[first])} of {len(scores[first])} spans"
        for name, spans in scores.items():
            table.add(corpus, name, f"AUC, {label}", span_auc(spans, kinds), size)
            table.add(corpus, name, f"F1, {label}", span_f1(spans, kinds), size)
        for name in others:
            table.add(corpus, f"foreknow minus {name}", f"AUC, {label}", auc_difference(scores[first], scores[name], kinds), size)
    return scores
