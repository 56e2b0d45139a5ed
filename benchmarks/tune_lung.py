"""Tune the baselines on training seeds and write `baselines/tuned.json`: `python -m benchmarks.tune_lung [methods...]`.

Each method states for its parameters which values are tried (`GRID`) and which of them hang together and are tried jointly
(`JOINT`). The search maximises, over both kinds of training recordings and all signal-to-noise ratios at once,

    mean over kinds and ratios of (F1 of the clicks + mean SI-SDR of the crackle part / 20 dB),

so that one setting serves detection and separation, simulated and real breath, every ratio. The recordings are simulated ones
of other seeds, and crackles in normal breaths of patients whom the benchmark does not use (`real_cases(training=True)`). SI-SDR
is floored as in the benchmark. The constant offset of the method's times is measured on the same recordings and taken off
before clicks are counted. Of our own method (`foreknow`) nothing but that offset is measured: it runs with its defaults.
"""

import itertools
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from benchmarks.baselines.method import Extraction, Method, Signal
from benchmarks.baselines.separate_then_find import SeparateThenFind
from benchmarks.bench_lung_separation import judge
from benchmarks.foreknow_lung import NAME, ForeknowLung, why_unavailable
from benchmarks.lung_cases import SNRS, TRAINING_SEEDS, Case, real_cases, simulated_case
from benchmarks.lung_methods import BASELINES, TUNED
from benchmarks.metrics import Counts, constant_offset, pooled_f1

ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Reached:
    """What a setting reaches on the training recordings.

    Attributes:
        f1: of the clicks, mean over kinds and ratios.
        si_sdr: of the crackle part, dB, mean over kinds, ratios and recordings.
        offset: median lateness of the times, seconds.
    """

    f1: float
    si_sdr: float
    offset: float

    @property
    def objective(self) -> float:
        """What is maximised."""
        return self.f1 + self.si_sdr / 20


@dataclass(frozen=True, slots=True)
class Mixture:
    """A training recording at one ratio.

    Attributes:
        group: kind of breath and ratio; F1 is counted within.
        case: crackles and breath before mixing.
        recording: (samples,).
        crackles: (samples,), the part of the crackles in it.
    """

    group: tuple[str, float]
    case: Case
    recording: Tensor
    crackles: Tensor


class Trainer:
    """The training mixtures; it keeps the last crackle parts, as the click finder's parameters do not change them.

    Args:
        cases: recordings by kind of breath; each is used at every ratio.
    """

    def __init__(self, cases: Mapping[str, Sequence[Case]]) -> None:
        self._mixtures = [
            Mixture((kind, snr), case, *case.mix(snr)) for kind, several in cases.items() for snr in SNRS for case in several
        ]
        self._parts: dict[tuple[object, ...], list[Signal]] = {}

    def try_out(self, method: Method) -> Reached:
        """Run a method on all mixtures."""
        answers = self._answers(method)
        times = [answer.times.numpy() for answer in answers]
        late = constant_offset(times, [mixture.case.times.numpy() for mixture in self._mixtures])
        counts: dict[tuple[str, float], list[Counts]] = {}
        ratios: dict[tuple[str, float], list[float]] = {}
        for answer, mixture in zip(answers, self._mixtures, strict=True):
            score = judge(Extraction(answer.crackles, answer.times - late), mixture.case, mixture.crackles)
            counts.setdefault(mixture.group, []).append(score.counts)
            ratios.setdefault(mixture.group, []).append(score.si_sdr)
        f1 = [pooled_f1(several) for several in counts.values()]
        return Reached(float(np.mean(f1)), float(np.mean([np.mean(several) for several in ratios.values()])), late)

    def _answers(self, method: Method) -> list[Extraction]:
        if not isinstance(method, SeparateThenFind):
            return [method(mixture.recording, mixture.case.rate) for mixture in self._mixtures]
        key = tuple(getattr(method, name) for name in method.GRID if name not in SeparateThenFind.CLICK_GRID)
        if key not in self._parts:
            if len(self._parts) > 1:  # the best so far and the one before
                self._parts.pop(next(iter(self._parts)))
            self._parts[key] = [method.separate(mixture.recording, mixture.case.rate) for mixture in self._mixtures]
        found = zip(self._parts[key], self._mixtures, strict=True)
        return [method.find(part, mixture.recording, mixture.case.rate) for part, mixture in found]


def tune(method: Method, trainer: Trainer) -> tuple[Method, Reached]:
    """Search over the method's grid: those parameters that hang together (`JOINT`) jointly, then the others one by one."""
    best = trainer.try_out(method)
    groups = [method.JOINT, *((name,) for name in method.GRID if name not in method.JOINT)]
    for _ in range(ROUNDS):
        before = method
        for group in groups:
            for values in itertools.product(*(method.GRID[name] for name in group)):
                candidate = replace(method, **dict(zip(group, values, strict=True)))
                if candidate != method and (reached := trainer.try_out(candidate)).objective > best.objective:
                    method, best = candidate, reached
        if method == before:
            break
    return method, best


def main(names: Sequence[str]) -> None:
    torch.set_num_threads(1)
    cases = {"simulated": [simulated_case(seed) for seed in TRAINING_SEEDS]}
    if real := list(real_cases(training=True)):
        cases["real"] = real
    else:
        print("../shared/data/lung is not present: tuned on simulated recordings only", file=sys.stderr)
    trainer = Trainer(cases)
    available = BASELINES if why_unavailable() else {**BASELINES, NAME: ForeknowLung()}
    for name in names or available:
        method, reached = tune(available[name], trainer)
        entry = {
            "parameters": {parameter: getattr(method, parameter) for parameter in method.GRID},
            "offset": round(reached.offset, 6),
            "training": {
                "f1": round(reached.f1, 4),
                "si_sdr": round(reached.si_sdr, 3),
                "recordings": {kind: len(several) for kind, several in cases.items()},
            },
        }
        print(name, json.dumps(entry), flush=True)
        record = json.loads(TUNED.read_text()) if TUNED.is_file() else {}
        TUNED.write_text(json.dumps({**record, name: entry}, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
