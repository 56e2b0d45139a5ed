"""How many images the network of backgrounds needs: trained on 10, 30 and 100 without labels, judged on real fields."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.bench_cytology import FIELDS
from benchmarks.cytology_cases import FOLDER, Case, cases
from benchmarks.cytology_methods import of_detection
from benchmarks.cytology_scores import Counts
from benchmarks.table import Estimate, Table
from foreknow.cytology import detect
from foreknow.cytology.density import optical_density_of
from foreknow.cytology.finder import BackgroundFinder, SolvedBackground
from foreknow.cytology.image_file import read_field
from foreknow.cytology.network.find import NetworkBackground, network_finder
from foreknow.cytology.network.glass_network import GlassNetwork
from foreknow.cytology.network.saved import load_network
from foreknow.cytology.network.simulated import simulated_field
from foreknow.cytology.network.train import FitNumbers, train
from foreknow.learn import Silent

TITLE = "Stained smears: the network against the number of images that it learned from"
STEPS = 160
_SETS = ("oral", "isbi", "edf", "lbc")
_CACHE = Path(tempfile.gettempdir()) / "foreknow-benchmark-cytology-curve"
_NOTES = [
    f"""The network of glass, {STEPS} steps of eight views each, whatever the number of images, by the loss of the declared model
    and no labels; one image in eight is held apart. Simulated: smears of seeds of their own. Real: development fields without
    their truth, none of which is among those that are judged. "From shipped" goes on from the network that comes with foreknow,
    as `foreknow cytology fit DIR` does.""",
    f"""Judged on the last {FIELDS} fields of oral, isbi, edf and lbc, as in the section on cells: pooled over the fields of a
    subset, means over the four subsets. Worse: the deteriorated copies. In brackets the least and the most over seeds. CPU
    minutes: of one training.""",
]


@dataclass(frozen=True)
class _Way:
    name: str
    images: int
    seeds: tuple[int, ...]
    finder: Callable[[int], tuple[BackgroundFinder, float]] = field(repr=False)


def run(quick: bool) -> Table:
    torch.set_num_threads(1)
    names = ["method", "images", "trainings", "Dice", "clump F1", "Dice, worse", "clump F1, worse", "CPU minutes"]
    table = Table(names, notes=[*_NOTES])
    judged = {worse: {one: list(cases(one, worse=worse, last=1 if quick else FIELDS)) for one in _SETS} for worse in (False, True)}
    if not any(judged[False].values()):
        table.notes.append("The real fields are absent here: nothing could be judged.")
        return table
    for way in _ways(quick):
        scores, minutes = [], []
        for seed in way.seeds:
            finder, took = way.finder(seed)
            minutes.append(took)
            scores.append([score for worse in (False, True) for score in _judge(judged[worse], finder)])
        cells = [_range([one[place] for one in scores]) for place in range(4)]
        table.add(way.name, way.images or None, len(way.seeds), *cells, float(np.mean(minutes)) or None)
    return table


def _ways(quick: bool) -> list[_Way]:
    seeds = (1,) if quick else (1, 2, 3)
    steps = 4 if quick else STEPS
    real = _real_fields()
    ways = [
        _Way("certified solver, nothing learned", 0, (0,), lambda _: (SolvedBackground(), 0.0)),
        _Way("network before training", 0, seeds, lambda seed: (NetworkBackground(_new(seed), "untrained"), 0.0)),
    ]
    ways += [
        _Way("network, simulated", count, seeds, lambda seed, count=count: _simulated(count, seed, steps))
        for count in ((4,) if quick else (10, 30, 100))
    ]
    ways += [
        _Way(
            "network, real",
            len(fields),
            seeds[:2],
            lambda seed, fields=fields: _learned("new", len(fields), lambda: fields, seed, steps),
        )
        for fields in (real[:10], real)
    ]
    ways.append(
        _Way("network, real, from shipped", len(real), (1,), lambda seed: _learned("shipped", len(real), lambda: real, seed, steps))
    )
    return ways


def _simulated(count: int, seed: int, steps: int) -> tuple[BackgroundFinder, float]:
    return _learned("simulated", count, lambda: [simulated_field(number, seed) for number in range(count)], seed, steps)


def _learned(kind: str, count: int, fields: Callable[[], list[Tensor]], seed: int, steps: int) -> tuple[BackgroundFinder, float]:
    """A trained network; what an earlier run of this benchmark trained is taken up again."""
    folder = _CACHE / f"{_known_as(kind)}-{count}-{seed}-{steps}"
    told = folder / "minutes.txt"
    if not told.is_file():
        learned, start = fields(), time.process_time()
        network = load_network(None)[0] if kind == "shipped" else _new(seed)
        train(network, learned, folder, FitNumbers(steps=steps, seed=seed), f"{count} images", Silent())
        told.write_text(f"{(time.process_time() - start) / 60:.3f}")
    return NetworkBackground(load_network(folder)[0], kind), float(told.read_text())


def _known_as(kind: str) -> str:
    """What a kept training must share with one that is asked for, beside its numbers."""
    if kind == "shipped":
        return f"{kind}-{network_finder(kind).fingerprint[:12]}"
    return "various smears" if kind == "simulated" else kind


def _new(seed: int) -> GlassNetwork:
    torch.manual_seed(seed)
    return GlassNetwork().eval()


def _real_fields() -> list[Tensor]:
    """Densities of the fields that are not judged, of the subsets in turn, all with three channels."""
    paths = [sorted((FOLDER / "images").glob(f"{subset}_*.png"))[:-FIELDS] for subset in _SETS]
    most = max(map(len, paths), default=0)
    turns = [of[place] for place in range(most) for of in paths if place < len(of)]
    return [optical_density_of(torch.as_tensor(read_field(path).pixels)).expand(3, -1, -1) for path in turns]


def _judge(subsets: dict[str, list[Case]], finder: BackgroundFinder) -> tuple[float, float]:
    """Dice and clump F1, means over subsets."""
    dice, clumps = [], []
    for fields in subsets.values():
        counts = Counts()
        for case in fields:
            counts.add(case, of_detection(detect(case.image, None, finder)))
        dice.append(counts.dice or 0.0)
        clumps.append(counts.clump_f1 or 0.0)
    return float(np.mean(dice)), float(np.mean(clumps))


def _range(values: list[float]) -> Estimate | float:
    return values[0] if len(values) == 1 else Estimate(float(np.mean(values)), min(values), max(values), 3)
