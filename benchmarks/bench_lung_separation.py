"""Crackles out of lung sounds, ours against published methods: how well they are separated, how many are found, how fast."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from torch import Tensor

from benchmarks.baselines.method import Extraction
from benchmarks.lung_cases import SNRS, TEST_SEEDS, TRAINING_SEEDS, Case, real_cases, simulated_case
from benchmarks.lung_methods import Contender, contenders
from benchmarks.metrics import TOLERANCE, Counts, bootstrap, count_clicks, pooled_f1, si_sdr
from benchmarks.table import Estimate, Table
from benchmarks.timing import time_interleaved

TITLE = "Lung sounds: separation and detection of crackles"
FLOOR = -30.0  # dB: an empty crackle part would score minus infinity


@dataclass(frozen=True, slots=True)
class Score:
    """One method on one recording.

    Attributes:
        si_sdr: of the crackle part, dB, at least `FLOOR`.
        counts: of clicks.
    """

    si_sdr: float
    counts: Counts


def score(contender: Contender, case: Case, snr: float) -> Score:
    """Run a method on a recording at a signal-to-noise ratio."""
    recording, crackles = case.mix(snr)
    return judge(contender(recording, case.rate), case, crackles)


def judge(found: Extraction, case: Case, crackles: Tensor) -> Score:
    """Score an answer against the crackle part (samples,) that was mixed in."""
    reached = si_sdr(found.crackles[case.scored].numpy(), crackles[case.scored].numpy())
    return Score(max(FLOOR, reached), count_clicks(case.inside(found.times).numpy(), case.times.numpy()))


def run(quick: bool) -> Table:
    methods, notes = contenders()
    table = Table(["breath", "SNR dB", "method", "SI-SDR dB", "F1 of clicks", "precision", "recall", "x real time"], notes=notes)
    groups = _groups(at_most=2 if quick else None)
    speed = _speed(methods, groups["simulated"][0], quick=quick)
    for name, cases in groups.items():
        for snr in SNRS:
            table.add(name, snr, "(recording as it is)", _untouched(cases, snr), None, None, None, None)
            for method in methods:
                _add_row(table, name, method, snr, [score(method, case, snr) for case in cases], speed[method.name])
    table.notes += _notes(groups, methods)
    return table


def _groups(at_most: int | None) -> dict[str, list[Case]]:
    """Test recordings by where their breath sound is from: simulated, and each corpus of real ones."""
    groups = {"simulated": [simulated_case(seed) for seed in TEST_SEEDS[:at_most]]}
    for case in real_cases():
        groups.setdefault(f"real ({case.name.partition('/')[0]})", []).append(case)
    return {name: cases[:at_most] for name, cases in groups.items()}


def _add_row(table: Table, breath: str, method: Contender, snr: float, scores: Sequence[Score], speed: float) -> None:
    total = sum((one.counts for one in scores), Counts(0, 0, 0))
    f1 = bootstrap([one.counts for one in scores], pooled_f1)
    ratio = _mean_with_interval([one.si_sdr for one in scores])
    table.add(breath, snr, method.name, ratio, f1, total.precision, total.recall, speed)


def _untouched(cases: Sequence[Case], snr: float) -> Estimate:
    """SI-SDR of the recording itself taken as the crackle part."""
    mixed = ((case, *case.mix(snr)) for case in cases)
    return _mean_with_interval([si_sdr(mix[case.scored].numpy(), part[case.scored].numpy()) for case, mix, part in mixed])


def _mean_with_interval(values: Sequence[float]) -> Estimate:
    return bootstrap(values, lambda drawn: float(np.mean(drawn)), digits=1)


def _speed(methods: Sequence[Contender], case: Case, *, quick: bool) -> dict[str, float]:
    """Seconds of sound handled in a second, by method."""
    recording, _ = case.mix(0.0)
    runs = {method.name: partial(method, recording, case.rate) for method in methods}
    timings = time_interleaved(runs, repetitions=3 if quick else 7, budget=5.0 if quick else 60.0)
    return {name: case.seconds / timing.median for name, timing in timings.items()}


def _notes(groups: dict[str, list[Case]], methods: Sequence[Contender]) -> list[str]:
    offsets = ", ".join(f"{method.name} {1000 * method.offset:+.2f} ms" for method in methods)
    seeds = f"{TRAINING_SEEDS.start}-{TRAINING_SEEDS.stop - 1}"
    lines = [
        "; ".join(_size(name, cases) for name, cases in groups.items()) + "; the same recordings at every SNR.",
        "Crackles pass a low-pass like that of the stethoscope which the breath sound has passed (benchmarks/lung_cases.py).",
        "SNR: energy of the crackles over that of the breath in 100-1000 Hz, over all that is scored (crackles fill 3 % of it).",
        f"SI-SDR without removal of the mean, mean over recordings, floored at {FLOOR:.0f} dB.",
        f"Clicks: times of the largest deflection, matched one to one within {1000 * TOLERANCE:.0f} ms; counts are pooled.",
        "In brackets: 95 % bootstrap interval over recordings.",
        f"Baselines tuned on simulated seeds {seeds} and normal breaths of other patients, one setting for all (tune_lung.py).",
        "Clicks that a real breath holds of itself count as false; nobody has marked single clicks in these corpora.",
        f"Constant offsets of the times, measured there and subtracted: {offsets}.",
        "x real time: seconds of sound handled in one second by one thread, at 4 kHz.",
    ]
    if len(groups) == 1:
        lines.append("Real breath was left out: ../shared/data/lung is not present.")
    return lines


def _size(name: str, cases: Sequence[Case]) -> str:
    seconds = sum(float(case.scored.sum()) / case.rate for case in cases)
    return f"{name}: {len(cases)} recordings, {seconds:.0f} s, {sum(len(case.times) for case in cases)} fine and coarse crackles"
