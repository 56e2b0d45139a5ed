"""The unrolled separation: trained on simulated runs, on disk, and the one that comes with foreknow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from foreknow.angiography.network.saved import MADE_BY
from foreknow.angiography.simulate import RunItems, RunSettings
from foreknow.angiography.simulate.bolus import BolusSettings
from foreknow.angiography.unrolled import KIND, STEPS, for_pixels, unrolled_network
from foreknow.learn import (
    Compute,
    Description,
    Examples,
    History,
    Settings,
    Simulated,
    Supervised,
    TrainingProgress,
    fit,
    load_model,
    save_model,
    shipped_model,
)
from foreknow.unroll import UnrolledNetwork

_SHIPPED = "unrolled"
_MOST_STEPS = 1000
_PURPOSE = "Separates contrast-filled coronary vessels from the background in a few steps. A means of research, not a diagnosis."
_SEED = 200_000  # far from the seeds on which anything is judged


@dataclass(frozen=True)
class UnrolledTraining:
    """Numbers of the training on simulated runs.

    Attributes:
        steps: of the algorithm.
        runs: how many are drawn.
        frames: of a run.
        size: pixels of a side.
        epochs: passes through them.
        batch_size: runs a step.
        learning_rate: at its highest.
        seed: of everything.
    """

    steps: int = STEPS
    runs: int = 40
    frames: int = 30
    size: int = 96
    epochs: int = 15
    batch_size: int = 4
    learning_rate: float = 0.05
    seed: int = 0


def pretrain_unrolled(
    folder: str | Path,
    numbers: UnrolledTraining | None = None,
    *,
    drawn: Callable[[int], None] | None = None,
    progress: TrainingProgress | None = None,
) -> History:
    """Draw runs, learn the weights and penalties of every step on them, and save the network in ``folder``.

    Args:
        folder: of the saved model.
        numbers: of the training.
        drawn: told the number of runs that are drawn.
        progress: of the training.
    """
    numbers = numbers or UnrolledTraining()
    items = RunItems(RunSettings(frames=numbers.frames, size=numbers.size, bolus=BolusSettings(start=(-1.0, 1.0))))
    source = Simulated(items, numbers.runs, seed=_SEED + numbers.seed)
    runs = []
    for number in range(numbers.runs):
        runs.append(source.draw([number], 0))
        if drawn is not None:
            drawn(number + 1)
    data = Examples(torch.cat([run.y for run in runs]), {"vessels": torch.cat([run.truth["vessels"] for run in runs])})
    network = for_pixels(unrolled_network(numbers.steps), numbers.size**2)
    settings = Settings(
        epochs=numbers.epochs, batch_size=numbers.batch_size, learning_rate=numbers.learning_rate, seed=numbers.seed
    )
    objective = Supervised(_mean_absolute_error, weights={"vessels": 1.0})
    history = fit(network, objective, data, settings, compute=Compute("cpu"), progress=progress)
    save_model(
        folder,
        network,
        Description(
            kind=KIND,
            purpose=_PURPOSE,
            formula=str(network.declared),
            settings={"steps": numbers.steps},
            training=asdict(numbers),
            data=source.fingerprint(),
            metrics={"mean absolute error of the vessel layer": history.epochs[-1].loss},
        ),
    )
    return history


def load_unrolled(folder: str | Path | None = None) -> tuple[UnrolledNetwork, Description]:
    """A trained unrolled network in evaluation mode, and what is known of it.

    Args:
        folder: of the saved model; that which comes with foreknow if None.

    Raises:
        InputFileError: if the folder holds no saved model of this kind, or one that is damaged.
    """
    place = shipped_model("foreknow.angiography", _SHIPPED) if folder is None else Path(folder)
    return load_model(place, KIND, _build, MADE_BY)


def _build(settings: Mapping[str, Any]) -> UnrolledNetwork:
    steps = settings["steps"]
    if not isinstance(steps, int) or not 1 <= steps <= _MOST_STEPS:
        message = f"{steps!r} is no number of steps"
        raise ValueError(message)
    return unrolled_network(steps)


def _mean_absolute_error(estimate: Tensor, truth: Tensor) -> Tensor:
    return (estimate - truth).abs().flatten(1).mean(dim=1)
