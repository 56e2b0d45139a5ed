"""Stained smears: cells, clumps and nuclei of real fields, as they are and made worse, beside common methods."""

import time

import torch

from benchmarks.cytology_cases import SUBSETS, Case, cases
from benchmarks.cytology_methods import Method, methods
from benchmarks.cytology_scores import Counts
from benchmarks.table import Table
from foreknow.cytology.finder import BackgroundFinder
from foreknow.errors import ForeknowError

FIELDS = 4  # of each subset
TITLE = "Stained smears: cells above a background of low rank"
_NOTES = [
    """Real fields (development images; their truth is for measuring only, nothing was trained on it): oral brush liquid-based Pap
    (tiles of one scan), isbi (grey composites of real Pap cells, exact masks), edf (grey Pap fields), lbc (colour Pap fields,
    dense), bccd (blood smears, boxes only). Of each the last four by name; settings were chosen looking at the first four (of edf
    two fields are in both). Region truth of oral, edf and lbc is a trimap; what it does not score is not
    counted. Counts are pooled over the fields of a subset.""",
    """Worse: each field with its own colour cast, uneven light (a factor of 1.6), dust, scratches, blur and noise
    (`foreknow.cytology.simulate.deteriorate`, seeds 20000 and up).""",
    """False: share of background called cell. Clump F1: connected parts of 300 pixels or more at an intersection over union of
    0.5. Box F1: boxes of single cells at 0.5; methods that do not split give those of connected parts. Hit: share of true nuclei
    in the mask (of oral only free-lying ones are marked). Nucleus F1: centres within 12 pixels.""",
    """Plain robust PCA: all fields of a subset together, weights 1 and 1/sqrt(pixels), threshold 0.05 of density, as for the flat
    field; Otsu by image. CPU seconds: one thread, means over fields, of a machine on which other jobs ran; the section on speed
    compares in turns.""",
]


def run(quick: bool) -> Table:
    torch.set_num_threads(1)
    names = ["data", "method", "Dice", "IoU", "false", "clump F1", "box F1", "nucleus hit", "nucleus F1", "CPU seconds a field"]
    table = Table(names, notes=[*_NOTES])
    last = 1 if quick else FIELDS
    for worse in (False, True):
        for subset in SUBSETS:
            fields = list(cases(subset, worse=worse, last=last))
            if not fields:
                table.notes.append(f"The images of {subset} are absent here.")
                continue
            for method in methods(_network()):
                _add(table, f"{subset}, worse" if worse else subset, method, fields)
    return table


def _add(table: Table, data: str, method: Method, fields: list[Case]) -> None:
    start = time.process_time()
    found = method.find([case.image for case in fields])
    seconds = (time.process_time() - start) / len(fields)
    counts = Counts()
    for case, one in zip(fields, found, strict=True):
        counts.add(case, one)
    scores = (
        counts.dice, counts.iou, counts.false_positives, counts.clump_f1, counts.box_f1, counts.nucleus_hit, counts.nucleus_f1
    )  # fmt: skip
    table.add(data, method.name, *scores, seconds)


def _network() -> BackgroundFinder | None:
    try:
        from foreknow.cytology.network.find import network_finder

        return network_finder("shipped")
    except (ForeknowError, ModuleNotFoundError):
        return None
