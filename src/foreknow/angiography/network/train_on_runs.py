"""From the user's unlabelled runs to a network of their own: read, train, compare, save, report."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from foreknow.angiography.network.films import read_films
from foreknow.angiography.network.injection import Injection, InjectionNumbers, inject, training_facts
from foreknow.angiography.network.looking import look_at_run
from foreknow.angiography.network.saved import load_network, save_network
from foreknow.angiography.network.vessel_network import VesselNetwork
from foreknow.angiography.simulate.detector import Relationship
from foreknow.errors import DataError, ParameterError
from foreknow.files import display_name, write_text_atomic
from foreknow.learn import Compute, TrainingProgress
from foreknow.report import Notice, Section, training_report
from foreknow.report.blocks import Cell

MODEL, REPORT = "model.json", "report.html"
_SHOWN = 3
_NOTE = (
    "A means of research, not a diagnosis. The examples show frames of the runs that were given: treat this page as you treat them."
)


@dataclass(frozen=True)
class RunTraining:
    """What became of a training on runs.

    Attributes:
        injection: the training itself.
        runs: how many were learned from and validated with.
        frames: of them.
        failures: sentences on those that could not be read.
    """

    injection: Injection
    runs: int
    frames: int
    failures: tuple[str, ...]


def train_on_runs(
    paths: Sequence[str | Path],
    folder: str | Path,
    numbers: InjectionNumbers | None = None,
    *,
    model: Path | None = None,
    relationship: Relationship | None = None,
    overwrite: bool = False,
    device: str = "cpu",
    read: Callable[[int, int], None] | None = None,
    drawn: Callable[[int], None] | None = None,
    progress: TrainingProgress | None = None,
) -> RunTraining:
    """Train the network on runs without labels and save it with a report; after an interruption the same call goes on.

    Args:
        paths: files and folders of runs.
        folder: of the saved model: model.json, weights.safetensors, card.md, report.html; ``work`` in it keeps the checkpoint.
        numbers: of the training.
        model: folder of the network to begin with; that which comes with foreknow if None.
        relationship: how values follow from exposure, if the files do not say.
        overwrite: whether a model that is there already is replaced.
        device: where it is trained.
        read: told how many of how many runs have been read.
        drawn: told how many simulated runs are there.
        progress: of the training.

    Raises:
        InputFileError: if there are no runs, or the model cannot be read.
        ParameterError: if there is a model already and ``overwrite`` is not set.
        DataError: if no run can be learned from.
    """
    place, numbers = Path(folder), numbers or InjectionNumbers()
    if (place / MODEL).exists():
        if not overwrite:
            message = f"{display_name(place)} holds a model already; add --overwrite to replace it, or choose another folder (-o)"
            raise ParameterError(message)
        shutil.rmtree(place / "work" / "checkpoint", ignore_errors=True)  # that of a training that has ended
    network, before_description = load_network(model)
    films, failures = read_films(paths, place, relationship, read)
    if not films:
        message = f"no run can be learned from: {failures[0]}"
        raise DataError(message)
    before = copy.deepcopy(network)
    accelerator = "cpu" if device == "cpu" else device.split(":", maxsplit=1)[0]
    injection = inject(network, films, place / "work", numbers, progress=progress, drawn=drawn, compute=Compute(accelerator))
    network.to("cpu").eval()
    outcome = RunTraining(injection, len(films), sum(map(len, films)), tuple(failures))
    save_network(
        place,
        network,
        before_description.settings,
        formula=injection.formula,
        training={**training_facts(numbers), "began_with": before_description.data},
        data=injection.fingerprint,
        metrics=_metrics(injection),
    )
    write_text_atomic(place / REPORT, _report(outcome, before, network, films[-1], numbers))
    return outcome


def _metrics(injection: Injection) -> dict[str, float]:
    metrics = {"gap to the optimum before": injection.gap[0], "gap to the optimum after": injection.gap[1]}
    if injection.kept is not None:
        metrics |= {"loss on simulated runs before": injection.kept[0], "loss on simulated runs after": injection.kept[1]}
    return metrics


def _report(outcome: RunTraining, before: VesselNetwork, after: VesselNetwork, film: Tensor, numbers: InjectionNumbers) -> str:
    chosen = torch.linspace(0, len(film) - 1, _SHOWN + 2).round().long()[1:-1].tolist()
    area = torch.ones(film.shape[1:], dtype=torch.bool)
    old, new = (look_at_run(network, film, area, side=max(film.shape[1:])) for network in (before, after))
    examples: dict[str, dict[str, Tensor]] = {
        f"frame {number + 1}": {
            "frame": -film[number],
            "vessels before": old.vessels[number],
            "vessels after": new.vessels[number],
            "gate after": new.gate[number],
        }
        for number in chosen
    }
    facts: dict[str, Cell] = {
        "runs": outcome.runs,
        "frames": outcome.frames,
        "noise, attenuation": outcome.injection.noise,
        "declared model": outcome.injection.formula,
        **_metrics(outcome.injection),
        "simulated runs beside them": numbers.simulated,
    }
    report = training_report(
        "A vessel network trained on your runs, without labels",
        outcome.injection.history,
        examples,
        facts,
        score="gap to the optimum",
        note=_NOTE,
        generator=f"foreknow {version('foreknow')}",
    )
    if outcome.failures:
        report.add(Section("Runs left out", Notice(outcome.failures)))
    return report.render()
