"""The network that comes with foreknow, trained on simulated runs alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from foreknow.angiography.network.acquisition import Acquired
from foreknow.angiography.network.clean_runs import CleanRuns, CleanRunSettings
from foreknow.angiography.network.objective import LayerAndGate
from foreknow.angiography.network.saved import load_network, save_network
from foreknow.angiography.network.sure_gate import calibrate_gate
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
    WithLabels,
    evaluate,
    fit,
)

_VIEW, _FILM_VIEW, _TEST_VIEW = 256, 160, 256  # pixels of a side
_FILM = 5  # frames of a run that are seen together
_SURE_EPOCHS = 3  # of devices by which the gate is put right
_ITEMS = 3  # of each run in an epoch
GOING_ON = 0.5
"""Of the learning rate, where a trained network goes on."""
_NEAR, _FAR = 1.8, 0.5  # magnification: vessels of 2 to 25 pixels


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

    runs: int = 112
    epochs: int = 20
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

    Every step sees single frames of several runs, and one run as a film, each from another place and magnification and by another
    device, processing and storage (`Acquired`). The weights are the last ones: which epoch is best, the few runs apart hardly tell;
    they put the gate right (`calibrate_gate`).

    Args:
        folder: of the saved model; ``folder/work`` keeps runs and checkpoint and may be removed afterwards.
        numbers: of the training; those of the network come from ``model`` where there is one.
        model: folder of a network to go on with, at `GOING_ON` times the learning rate; a new one if None.
        drawn: told the number of runs that are drawn.
        progress: of the training.
    """
    numbers = numbers or Pretraining()
    place, work = Path(folder), Path(folder) / "work"
    shapes = CleanRunSettings()
    runs = CleanRuns(work / "runs", numbers.runs, shapes, seed=numbers.seed)
    apart = CleanRuns(work / "runs", max(2, numbers.runs // 14), shapes, seed=numbers.seed + 1)
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
        compute=Compute(),
        logs=[CSVLog(work / "epochs.csv")],
        progress=progress,
    )
    calibrate_gate(network.eval(), _apart(apart), range(1, 1 + _SURE_EPOCHS))
    loss = evaluate(network, LayerAndGate(alone=0.5), _apart(apart))
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
        metrics={"loss on runs apart": loss},
    )
    return history


def _views(runs: CleanRuns, frames: int, side: int) -> Data:
    """Mirrored and turned parts of runs, each shown by another device in every epoch."""
    shown = RandomViews(RandomFrames(runs, frames, items=_ITEMS), side, _FAR, _NEAR)
    return Acquired(Varied(shown, (1.0, 1.0), noise=0.0, coarse=1.0))


def _apart(runs: CleanRuns) -> Data:
    """Several devices for each run that is not learned from."""
    return Acquired(RandomViews(RandomFrames(runs, _FILM), _TEST_VIEW, 0.7, 1.0, views=2), seed=1)
