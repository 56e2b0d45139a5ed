"""The user's runs, at the size at which the network looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from foreknow.angiography.exposed import exposed_area, require_separable
from foreknow.angiography.inputs import find_runs
from foreknow.angiography.network.looking import filled, resized, working_size
from foreknow.angiography.run_file import open_run
from foreknow.angiography.simulate.detector import Relationship
from foreknow.errors import ForeknowError

_SIDE = 512
_MAGNIFIED = 2  # small frames are enlarged so many times at most, as when they are separated
_MOST_FRAMES = 48  # of a run, evenly spaced: more show the same again


def read_films(
    paths: Sequence[str | Path], place: Path, relationship: Relationship | None, read: Callable[[int, int], None] | None
) -> tuple[list[Tensor], list[str]]:
    """Runs (frames, height, width), attenuation, and sentences on those that cannot be used.

    Args:
        paths: files and folders.
        place: where results go; not looked into.
        relationship: how values follow from exposure, if the files do not say.
        read: told how many of how many runs have been read.
    """
    inputs = find_runs(paths, place)
    films: list[Tensor] = []
    failures: list[str] = []
    for number, source in enumerate(inputs, start=1):
        try:
            films.append(_film(source.path, source.name, relationship))
        except ForeknowError as error:
            failures.append(str(error))
        if read is not None:
            read(number, len(inputs))
    return films, failures


def _film(path: Path, name: str, relationship: Relationship | None) -> Tensor:
    run = open_run(path, name, relationship)
    attenuation = run.attenuation()
    area = exposed_area(attenuation, run.opened, run.table.darkest)
    require_separable(attenuation, area, name, 2)
    chosen = torch.linspace(0, len(attenuation) - 1, min(_MOST_FRAMES, len(attenuation))).round().long().unique()
    size = working_size(attenuation.shape[1:], min(_SIDE, _MAGNIFIED * max(attenuation.shape[1:])))
    return torch.stack([resized(filled(attenuation[int(number)], area), size) for number in chosen])
