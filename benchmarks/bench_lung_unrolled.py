"""The crackle model unrolled and learned beside its certified solver: planted crackles, cost."""

import time
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from benchmarks.lung_cases import Case, real_cases, simulated_case
from benchmarks.metrics import Counts, bootstrap, count_clicks, pooled_f1, si_sdr
from benchmarks.table import Table
from benchmarks.timing import time_interleaved
from foreknow.lung import SeparationSettings, separate
from foreknow.lung.separators import crackle_separator

TITLE = "Lung sounds: the unrolled crackle model and its solver"
SEEDS = range(90_000, 90_003)
SNRS = (10.0, 0.0, -10.0)
MODELS = ("unrolled", "classical")


def run(quick: bool) -> Table:
    table = Table(["data", "SNR dB", "measure", *MODELS, "of"])
    groups = {"simulated": [simulated_case(seed) for seed in SEEDS], "real (sprsound)": _real()}
    for name, cases in groups.items():
        for snr in SNRS:
            _planted(table, name, snr, cases[:2] if quick else cases)
    _cost(table)
    table.notes += [
        "Cases and ratios as in the benchmark of separation; SI-SDR mean over recordings, floored at -30 dB; clicks pooled.",
        "x real time: one thread, 4 kHz; of the separation of windows alone, and of the whole analysis of a recording in memory.",
        "The unrolled model was trained on simulated recordings only, of other spectra than those of these cases.",
    ]
    return table


def _real() -> list[Case]:
    return [case for case in real_cases() if case.name.startswith("sprsound")][:4]


def _planted(table: Table, name: str, snr: float, cases: Sequence[Case]) -> None:
    if not cases:
        return
    ratios: dict[str, list[float]] = {model: [] for model in MODELS}
    counts: dict[str, list[Counts]] = {model: [] for model in MODELS}
    for case in cases:
        recording, crackles = case.mix(snr)
        for model in MODELS:
            found = separate(recording, case.rate, SeparationSettings(crackle_model=model))
            times = torch.tensor([event.peak for event in found.events], dtype=torch.float64)
            ratios[model].append(max(-30.0, si_sdr(found.crackles[case.scored].numpy(), crackles[case.scored].numpy())))
            counts[model].append(count_clicks(case.inside(times).numpy(), case.times.numpy()))
    size = f"{len(cases)} recordings, {sum(len(case.times) for case in cases)} crackles"
    mean = [bootstrap(ratios[model], lambda drawn: float(np.mean(drawn)), digits=1) for model in MODELS]
    table.add(name, snr, "SI-SDR of the crackle part, dB", *mean, size)
    table.add(name, snr, "F1 of clicks", *(bootstrap(counts[model], pooled_f1) for model in MODELS), size)


def _cost(table: Table) -> None:
    recording, _ = simulated_case(SEEDS.start).mix(0.0)
    seconds = recording.shape[0] / 4000
    separators = {model: crackle_separator(SeparationSettings(crackle_model=model), 4000) for model in MODELS}
    windows = torch.randn(4, separators["unrolled"].window_samples, generator=torch.Generator().manual_seed(0))
    alone = time_interleaved({m: partial(_separate, s, windows) for m, s in separators.items()}, repetitions=5, budget=20.0)
    length = windows.numel() / 4000
    table.add("simulated", None, "x real time, windows alone", *(length / alone[m].median for m in MODELS), "4 windows of 4.1 s")
    took = {}
    for model in MODELS:
        start = time.process_time()
        separate(recording, 4000, SeparationSettings(crackle_model=model))
        took[model] = time.process_time() - start
    table.add("simulated", None, "x real time, whole analysis", *(seconds / took[m] for m in MODELS), f"{seconds:.0f} s")


def _separate(separator: object, windows: Tensor) -> Tensor:
    found: Tensor = separator.separate(windows)  # type: ignore[attr-defined]
    return found
