"""The network that comes with foreknow, trained on simulated runs alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from foreknow.angiography.network.objective import LayerAndGate
from foreknow.angiography.network.saved import load_network, save_network
from foreknow.angiography.network.training_runs import TrainingRuns, TrainingRunSettings
from foreknow.angiography.network.variation import Varied
from foreknow.angiography.network.vessel_network import VesselNetwork
from foreknow.learn import (
    Compute,
    CSVLog,
    Data,
    History,
    RandomFrames,
    RandomViews,
    Settings,
    TrainingProgress,
    Validation,
    WithLabels,
    fit,
)

_VIEW, _FILM_VIEW, _TEST_VIEW = 256, 192, 288  # pixels of a side
_FILM = 5  # frames of a run that are seen together
GOING_ON = 0.5
"""Of the learning rate, where a trained network goes on."""
_NEAR, _FAR = 1.4, 0.6  # magnification


@dataclass(frozen=True)
class Pretraining:
    """Numbers of the training on simulated runs.

    Attributes:
        runs: how many are drawn.
        epochs: passes through them.
        batch_size: single frames a step; a view of one run as a film goes beside them.
        learning_rate: at its highest.
        filters: of the network.
        block: likewise.
        seed: of everything.
    """

    runs: int = 240
    epochs: int = 40
    batch_size: int = 3
    learning_rate: float = 3e-3
    filters: tuple[int, ...] = (16, 32, 32, 64, 64)
    block: int = 2
    seed: int = 0


def pretrain(
    folder: str | Path,
    numbers: Pretraining | None = None,
    *,
    model: Path | None = None,
    drawn: Callable[[int], None] | None = None,
    progress: TrainingProgress | None = None,
) -> History:
    """Draw runs, train on them and save the network in ``folder``; the same call after an interruption goes on.

    Every step sees single frames of several runs, and one run as a film, each from another place and magnification.

    Args:
        folder: of the saved model; ``folder/work`` keeps runs and checkpoint and may be removed afterwards.
        numbers: of the training; those of the network come from ``model`` where there is one.
        model: folder of a network to go on with, at `GOING_ON` times the learning rate; a new one if None.
        drawn: told the number of runs that are drawn.
        progress: of the training.
    """
    numbers = numbers or Pretraining()
    place, work = Path(folder), Path(folder) / "work"
    shapes = TrainingRunSettings()
    runs = TrainingRuns(work / "runs", numbers.runs, shapes, seed=numbers.seed)
    apart = TrainingRuns(work / "runs", max(2, numbers.runs // 16), shapes, seed=numbers.seed + 1)
    runs.prepare(drawn)
    torch.manual_seed(numbers.seed)
    network, before, rate = VesselNetwork(numbers.filters, numbers.block), None, numbers.learning_rate
    shape: dict[str, Any] = {"filters": list(numbers.filters), "block": numbers.block, "shades": network.shades}
    if model is not None:
        network, before = load_network(model)
        shape, rate = dict(before.settings), GOING_ON * rate
    settings = Settings(epochs=numbers.epochs, batch_size=numbers.batch_size, learning_rate=rate, seed=numbers.seed)
    history = fit(
        network,
        WithLabels(LayerAndGate(alone=1.0), LayerAndGate(alone=0.0), _views(runs, _FILM, _FILM_VIEW), batch_size=1),
        _views(runs, 1, _VIEW),
        settings,
        folder=work / "checkpoint",
        validation=Validation(RandomViews(RandomFrames(apart, _FILM), _TEST_VIEW, 0.7, 1.0), LayerAndGate(alone=0.5)),
        compute=Compute(precision="bf16-mixed"),
        logs=[CSVLog(work / "epochs.csv")],
        progress=progress,
    )
    best = history.epochs[history.best_epoch - 1].validation
    save_network(
        place,
        network,
        shape,
        training={
            **asdict(numbers),
            "filters": shape["filters"],
            "learning_rate": rate,
            "steps": history.steps,
            **({} if before is None else {"went on with": dict(before.training)}),
        },
        data=runs.fingerprint(),
        metrics={} if best is None else {"loss on runs apart": best},
    )
    return history


def _views(runs: TrainingRuns, frames: int, side: int) -> Data:
    return Varied(RandomViews(RandomFrames(runs, frames), side, _FAR, _NEAR))
