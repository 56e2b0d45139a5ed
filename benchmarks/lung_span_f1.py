"""F1 of annotated spans at a threshold that is chosen on other patients."""

from collections.abc import Sequence

import numpy as np

from benchmarks.lung_spans import WITHOUT, Span
from benchmarks.metrics import Counts, bootstrap, pooled_f1
from benchmarks.table import Estimate


def span_f1(spans: Sequence[Span], kinds: frozenset[str], without: frozenset[str] = WITHOUT) -> Estimate:
    """F1 of spans of some kinds against those without, with the 95 % interval of patients drawn with replacement.

    The spans of a patient are judged at the threshold that has the best F1 on all others: nothing of a patient decides about it.
    """
    judged = [span for span in spans if span.kind in kinds | without]
    counts = []
    for patient in sorted({span.patient for span in judged}):
        threshold = _best([span for span in judged if span.patient != patient], kinds)
        counts.append(_counts([span for span in judged if span.patient == patient], kinds, threshold))
    return bootstrap(counts, pooled_f1)


def _best(spans: Sequence[Span], kinds: frozenset[str]) -> float:
    """Half way between the score at which F1 is best and the next lower."""
    scores = np.sort(np.unique([span.score for span in spans]))
    found = [pooled_f1([_counts(spans, kinds, score)]) for score in scores]
    place = int(np.argmax(found))
    return float(scores[place] if place == 0 else 0.5 * (scores[place] + scores[place - 1]))


def _counts(spans: Sequence[Span], kinds: frozenset[str], threshold: float) -> Counts:
    true = np.array([span.kind in kinds for span in spans])
    said = np.array([span.score >= threshold for span in spans])
    return Counts(int((true & said).sum()), int((true & ~said).sum()), int((~true & said).sum()))
