"""X-ray angiography where separation is hard: few frames, none without contrast agent, no contrast agent at all."""

from collections.abc import Callable

import numpy as np

from benchmarks.angiography_cases import TEST_SEEDS, RunCase, run_case
from benchmarks.angiography_methods import methods
from benchmarks.bench_angiography import NOTES, add_scores, empty_table, judge, sizes
from benchmarks.table import Table

TITLE = "X-ray angiography: short, filled and empty runs"
_FEW = 4
_NOTES = [
    f"""Short: 8 frames in the middle of an injection. No mask frames: the injection began 3 s before the first frame. Empty: no
    contrast agent was injected; mean and 99.9 % of the layer, share of the mask in %. {_FEW} runs each.""",
    *NOTES[:2],
]


def run(quick: bool) -> Table:
    size, frames = sizes(quick=quick)
    seeds = list(TEST_SEEDS)[:_FEW]
    table = empty_table(_NOTES)
    settings: dict[str, Callable[[int], RunCase]] = {
        "short (8 frames)": lambda seed: run_case(seed, size=size, frames=8, start=(-1.5, -1.0)),
        "no mask frames": lambda seed: run_case(seed, size=size, frames=frames, start=(-3.0, -3.0)),
    }
    for name, draw in settings.items():
        cases = [draw(seed) for seed in seeds]
        for method in methods():
            add_scores(table, name, method, [judge(method, case) for case in cases])
    table.notes.append(_empty([run_case(seed, size=size, frames=frames, contrast=False) for seed in seeds]))
    return table


def _empty(cases: list[RunCase]) -> str:
    parts = []
    for method in methods():
        found = [method.apply(case.attenuation) for case in cases]
        share = np.mean([float(one.mask.float().mean()) for one in found])
        mean = np.mean([float(one.layer.mean()) for one in found])
        high = np.mean([float(np.quantile(one.layer.numpy().ravel()[::11], 0.999)) for one in found])
        parts.append(f"{method.name}: {mean:.4f}, {high:.3f}, {100 * share:.2f} %")
    return "Empty runs (mean, 99.9 %, mask): " + "; ".join(parts) + "."
