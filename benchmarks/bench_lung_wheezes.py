"""Wheezes out of lung sounds: separation, events and speed on simulated recordings and on mixtures with real breath."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from statistics import median

import numpy as np
import torch

from benchmarks.lung_wheeze_mixtures import LEVELS, ratios, real, separators, simulated
from benchmarks.metrics import Counts, bootstrap, pooled_f1
from benchmarks.table import Estimate, Table
from foreknow.lung import SeparationSettings, Wheeze, WheezeSettings, separate
from foreknow.lung.scoring import si_sdr
from foreknow.lung.simulate import RHONCHUS, WHEEZE, ContinuousSound, SimulatedRecording, SimulationSettings, simulate_recording

TITLE = "Lung sounds: wheezes"
RATE = 4000
SEEDS = range(91_000, 91_008)
WINDOWS = 32  # at most: real recordings that are normal as a whole and long enough are fewer
_LEAST_OVERLAP = 0.5  # intersection over union
_SAME_PITCH = 0.1


def run(quick: bool) -> Table:
    table = Table(["data", "method", "measure", "value", "of"])
    _simulated(table, SEEDS[:2] if quick else SEEDS)
    _mixtures(table, quick=quick)
    table.notes += [
        "Simulated: 20 s at 4 kHz, crackles, wheezes (0.6 a breath), rhonchi (0.3), 2 to 12 dB over breath; fresh seeds.",
        f"Events: one to one, overlap over union from {_LEAST_OVERLAP}, pitch within {100 * _SAME_PITCH:.0f} %, by voice.",
        "Mixtures: windows of 8.2 s, wheezes and rhonchi in turn, over breath in 100-1000 Hz while they sound; real breath: all",
        "recordings of SPRSound in which every annotated breath is normal. Nothing was chosen on these windows.",
        "SDR, SIR, SAR: without filters allowed, each at least -30 dB. The U-Net was trained on simulated windows without labels.",
        "x real time: processor time of one thread.",
    ]
    return table


def _simulated(table: Table, seeds: Sequence[int]) -> None:
    settings = SeparationSettings(wheezes=WheezeSettings())
    before, after, crackles, counts, seconds = [], [], [], [], 0.0
    for seed in seeds:
        drawn = _draw(seed)
        start = time.process_time()
        found = separate(drawn.recording, RATE, settings)
        seconds += time.process_time() - start
        before.append(float(si_sdr(drawn.recording, drawn.wheezes)))
        after.append(float(si_sdr(found.wheezes, drawn.wheezes)))
        crackles.append(float(si_sdr(found.crackles, drawn.crackles)))
        counts.append(count_events(found.wheeze_events, drawn.sounds))
    name, size = "foreknow: crackles, then wheezes", f"{len(seeds)} recordings"
    table.add("simulated recordings", "(recording as it is)", "SI-SDR of wheezes, dB", _mean(before), size)
    table.add("simulated recordings", name, "SI-SDR of wheezes, dB", _mean(after), size)
    table.add("simulated recordings", name, "SI-SDR of crackles, dB", _mean(crackles), size)
    total = sum(counts, Counts(0, 0, 0))
    events = f"{total.found + total.missed} sounds"
    table.add("simulated recordings", name, "F1 of events", bootstrap(counts, pooled_f1), events)
    table.add("simulated recordings", name, "precision", total.precision, events)
    table.add("simulated recordings", name, "recall", total.recall, events)
    table.add("simulated recordings", name, "x real time, one thread", 20.0 * len(seeds) / seconds, size)


def _mixtures(table: Table, *, quick: bool) -> None:
    methods = separators()
    for name, make in (("simulated breath", simulated), ("real normal breath", real)):
        mixtures = list(make(2 if quick else WINDOWS))
        for level in LEVELS[1:2] if quick else LEVELS:
            found: dict[str, list[tuple[float, float, float]]] = {method: [] for method in methods}
            for mixture in mixtures:
                y, wheezes = mixture.mix(level)
                for method, separate_ in methods.items():
                    found[method].append(ratios(separate_(y), wheezes, mixture.breath))
            if mixtures:
                _add_ratios(table, f"{name}, {level:+.0f} dB", found)
    y = next(simulated(4)).mix(0.0)[0]
    for method, separate_ in methods.items():
        seconds = median(timed(lambda separate_=separate_: separate_(y), 5))  # type: ignore[misc]
        table.add("window of 8.2 s", method, "x real time, one thread", len(y) / RATE / seconds, "median of 5")


def _add_ratios(table: Table, data: str, found: dict[str, list[tuple[float, float, float]]]) -> None:
    first, solver = list(found)[:2]
    size = f"{len(found[first])} windows"
    for method, values in found.items():
        for place, measure in enumerate(("SDR", "SIR", "SAR")):
            table.add(data, method, f"{measure} of wheezes, dB", _mean([value[place] for value in values]), size)
        table.add(data, method, "SDR of wheezes, median, dB", median(value[0] for value in values), size)
    gains = [ours[0] - its[0] for ours, its in zip(found[first], found[solver], strict=True)]
    table.add(data, f"{first} minus solver", "SDR of wheezes, dB", _mean(gains), size)


def timed(call: Callable[[], object], count: int) -> list[float]:
    """Seconds that a call takes, after one that is not counted."""
    call()
    seconds = []
    for _ in range(count):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return seconds


def _draw(seed: int) -> SimulatedRecording:
    kinds = (replace(WHEEZE, per_breath=0.6), replace(RHONCHUS, per_breath=0.3))
    settings = SimulationSettings(seconds=20.0, rate=RATE, continuous=kinds)
    return simulate_recording(settings, torch.Generator().manual_seed(seed))


def count_events(found: Sequence[Wheeze], true: Sequence[ContinuousSound]) -> Counts:
    """Found, missed and false events, the best pairs first."""
    pairs = [(_overlap(f, t), i, j) for (i, f), (j, t) in product(enumerate(found), enumerate(true)) if _same(f, t)]
    mine: set[int] = set()
    its: set[int] = set()
    for share, i, j in sorted(pairs, reverse=True):
        if share >= _LEAST_OVERLAP and i not in mine and j not in its:
            mine.add(i)
            its.add(j)
    return Counts(len(mine), len(true) - len(mine), len(found) - len(mine))


def _same(found: Wheeze, true: ContinuousSound) -> bool:
    return abs(found.fundamental / true.fundamental - 1) < _SAME_PITCH


def _overlap(found: Wheeze, true: ContinuousSound) -> float:
    shared = min(found.end, true.end) - max(found.onset, true.onset)
    return max(0.0, shared) / (max(found.end, true.end) - min(found.onset, true.onset))


def _mean(values: Sequence[float]) -> Estimate:
    return bootstrap(values, lambda drawn: float(np.mean(drawn)), digits=1)
