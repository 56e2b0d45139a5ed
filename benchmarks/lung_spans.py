"""Annotated spans of real lung sounds, scored by rate: AUC with a bootstrap over patients.

Inside annotated spans only: annotators left many breaths blank. A score is a mean over a span, since normal breaths are longer.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.table import Estimate
from foreknow.files import StreamResampler, read_audio

REAL_FOLDER = Path(__file__).parents[2] / "shared" / "data" / "lung"
RATE = 4000
DRAWS = 1000
WITHOUT = frozenset({"normal", "fine_crackle", "coarse_crackle", "cycle_normal", "cycle_crackle", "file_normal", "file_crackle"})
WHEEZES = frozenset({"wheeze", "wheeze_crackle", "cycle_wheeze", "cycle_both", "file_wheeze"})
CONTINUOUS = WHEEZES | {"rhonchi", "stridor"}
CRACKLES = frozenset({"fine_crackle", "coarse_crackle", "wheeze_crackle", "cycle_crackle", "cycle_both", "file_crackle"})
NORMAL = frozenset({"normal", "cycle_normal", "file_normal"})
WITHOUT_CRACKLES = NORMAL | {"wheeze", "rhonchi", "stridor", "cycle_wheeze", "file_wheeze"}
_MARGIN = 0.3  # seconds at both ends of a whole recording: handling noise

Array = NDArray[np.float64]
Activity = Callable[[Tensor, int], tuple[Tensor, Tensor]]
"""From samples (n,) and rate to a score over time and its times in seconds."""
Pool: TypeAlias = Callable[[Sequence[tuple[float, int]]], float]
"""From AUC and number of pairs of each corpus to one figure."""


@dataclass(frozen=True, slots=True)
class Span:
    """One annotated span.

    Attributes:
        kind: as in labels.csv.
        patient: whose it is.
        score: mean over the span.
    """

    kind: str
    patient: str
    score: float


def sounds(corpus: str) -> list[tuple[Tensor, list[dict[str, str]]]]:
    """Recordings of a corpus at 4 kHz with their rows of labels.csv; none if the data are absent."""
    if not (REAL_FOLDER / "labels.csv").is_file():
        return []
    with (REAL_FOLDER / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["file"].startswith(f"{corpus}/")]
    names = list(dict.fromkeys(row["file"] for row in rows))
    return [(_read(REAL_FOLDER / name), [row for row in rows if row["file"] == name]) for name in names]


def _read(path: Path) -> Tensor:
    import torch

    recording = read_audio(path)
    resampler = StreamResampler(recording.rate, RATE)
    pieces = (resampler.push(recording.samples.double().numpy()), resampler.push(np.zeros(0), last=True))
    return torch.from_numpy(np.concatenate(pieces))


def score_spans(recordings: Sequence[tuple[Tensor, list[dict[str, str]]]], activity: Activity) -> list[Span]:
    """Score every annotated span of recordings; a file that carries one label is one span without its ends."""
    spans = []
    for samples, rows in recordings:
        over_time, times = activity(samples, RATE)
        length = samples.shape[0] / RATE
        for row in rows:
            whole = row["kind"].startswith("file")
            start, end = (_MARGIN, length - _MARGIN) if whole else (float(row["start_s"]), float(row["end_s"]))
            inside = (times >= start) & (times <= end)
            if bool(inside.any()):
                spans.append(Span(row["kind"], row["patient"], float(over_time[inside].mean())))
    return spans


def auc(positive: Array, negative: Array) -> float:
    """Probability that a span with the sound scores above one without; not a number if one kind is missing."""
    if not len(positive) or not len(negative):
        return float("nan")
    ranks = positive[:, None] - negative[None]
    return float((ranks > 0).mean() + 0.5 * (ranks == 0).mean())


def span_auc(spans: Sequence[Span], kinds: frozenset[str], without: frozenset[str] = WITHOUT) -> Estimate:
    """AUC of spans of some kinds against those without, with the 95 % interval of patients drawn with replacement."""
    drawn = [_auc_of([spans_ for patient in draw for spans_ in patient], kinds, without) for draw in _draws(spans)]
    return Estimate(_auc_of(spans, kinds, without), *_interval(drawn), 3)


def auc_difference(
    ours: Sequence[Span], others: Sequence[Span], kinds: frozenset[str], without: frozenset[str] = WITHOUT
) -> Estimate:
    """AUC of one score minus that of another on the same spans, patients drawn together."""
    values = []
    for first, second in zip(_draws(ours), _draws(others), strict=True):
        pair = [_auc_of([span for patient in draw for span in patient], kinds, without) for draw in (first, second)]
        values.append(pair[0] - pair[1])
    return Estimate(_auc_of(ours, kinds, without) - _auc_of(others, kinds, without), *_interval(values), 3)


class Pooled:
    """AUC over several corpora, spans compared within a corpus only; patients are drawn anew in each.

    Args:
        corpora: the spans of each.
        kinds: with the sound.
        without: without it.
    """

    def __init__(self, corpora: Sequence[Sequence[Span]], kinds: frozenset[str], without: frozenset[str]) -> None:
        scored = [
            [_auc_and_pairs(spans, kinds, without)]
            + [_auc_and_pairs([span for patient in draw for span in patient], kinds, without) for draw in _draws(spans)]
            for spans in corpora
        ]
        self.scored = list(zip(*scored, strict=True))  # of all spans, then of each draw: AUC and number of pairs by corpus

    def auc(self, pool: Pool) -> Estimate:
        """With its 95 % interval."""
        value, *drawn = (pool(aucs) for aucs in self.scored)
        return Estimate(value, *_interval(drawn), 3)

    def minus(self, other: "Pooled", pool: Pool) -> Estimate:
        """Minus that of another score of the same spans, patients drawn together."""
        value, *drawn = (pool(mine) - pool(its) for mine, its in zip(self.scored, other.scored, strict=True))
        return Estimate(value, *_interval(drawn), 3)


def mean_of_corpora(aucs: Sequence[tuple[float, int]]) -> float:
    """Every corpus counts the same; those are left out of which a draw holds one kind of spans only."""
    known = [value for value, pairs in aucs if pairs]
    return float(np.mean(known)) if known else float("nan")


def mean_of_pairs(aucs: Sequence[tuple[float, int]]) -> float:
    """Every pair of spans counts the same."""
    total = sum(pairs for _, pairs in aucs)
    return sum(value * pairs for value, pairs in aucs if pairs) / total if total else float("nan")


POOLS: dict[str, Pool] = {"mean of the corpora": mean_of_corpora, "all pairs within corpora": mean_of_pairs}


def _auc_and_pairs(spans: Sequence[Span], kinds: frozenset[str], without: frozenset[str]) -> tuple[float, int]:
    pairs = sum(span.kind in kinds for span in spans) * sum(span.kind in without for span in spans)
    return _auc_of(spans, kinds, without), pairs


def _auc_of(spans: Sequence[Span], kinds: frozenset[str], without: frozenset[str]) -> float:
    scores = [np.array([span.score for span in spans if span.kind in group]) for group in (kinds, without)]
    return auc(*scores)


def _draws(spans: Sequence[Span]) -> list[list[list[Span]]]:
    """Patients with all their spans, drawn with replacement; the same draws for every score of the same spans."""
    patients = sorted({span.patient for span in spans})
    groups = {patient: [span for span in spans if span.patient == patient] for patient in patients}
    generator = np.random.default_rng(20240501)
    return [[groups[patients[k]] for k in generator.integers(len(patients), size=len(patients))] for _ in range(DRAWS)]


def _interval(values: Sequence[float]) -> tuple[float, float]:
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)
