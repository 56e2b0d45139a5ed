"""The network made from nothing but the simulator."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from foreknow.errors import DataError, ParameterError
from foreknow.learn import Compute, History, Settings, TrainingProgress, Validation, fit
from foreknow.simulate.blur import gaussian_blur
from foreknow.swallow.learned.lessons import SwallowObjective, Windows, lesson_of
from foreknow.swallow.learned.network import NetworkSettings, SwallowNetwork
from foreknow.swallow.movement.chart import CELLS, COLUMNS, ROWS
from foreknow.swallow.movement.feature_table import TrialFeatures, trial_features
from foreknow.swallow.movement.trial_store import read_trial_features, write_trial_features
from foreknow.swallow.simulate import simulate_trial
from foreknow.swallow.simulate.varied import varied_settings

VALIDATION_EVERY = 8
"""Every eighth trial is not learned from, but chooses weights and thresholds."""
BENCHMARK_SEEDS = 100_000
"""Seeds from here on are for benchmarks alone."""

_WINDOWS_EPOCH = 1536


@dataclass(frozen=True)
class TrainingPlan:
    """How much is simulated and learned.

    Attributes:
        trials: simulated, of 30 s each, with seeds from 0 on.
        epochs: of 1536 windows.
        batch_size: windows a step.
        learning_rate: at its highest.
        seed: of weights and windows.

    Raises:
        ParameterError: if a number is too small, or seeds would reach those of benchmarks.
    """

    trials: int = 240
    epochs: int = 110
    batch_size: int = 48
    learning_rate: float = 3e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if not (2 <= self.trials < BENCHMARK_SEEDS and self.epochs >= 1 and self.batch_size >= 1 and self.learning_rate > 0):
            message = f"training needs 2 trials or more, epochs, a batch and a rate above 0, not {self}"
            raise ParameterError(message)


def simulated_trials(
    folder: Path, seeds: Iterable[int], tell: Callable[[int], None] | None = None, until: float | None = None
) -> list[TrialFeatures]:
    """Features of varied trials, simulated where the folder does not have them yet.

    Args:
        folder: where they are kept.
        seeds: of the trials.
        tell: told each seed that is done.
        until: time (`time.monotonic`) after which no more are simulated; those that are there are returned.

    Raises:
        InputFileError: if a file of the folder is damaged.
    """
    found = []
    for seed in seeds:
        path = folder / f"trial-{seed:06d}.safetensors"
        if not path.exists():
            if until is not None and time.monotonic() > until:
                continue
            try:
                write_trial_features(path, trial_features(simulate_trial(varied_settings(seed), seed)))
            except DataError:  # a neck that is not seen teaches nothing
                continue
        found.append(read_trial_features(path))
        if tell is not None:
            tell(seed)
    return found


def divided(trials: Sequence[TrialFeatures]) -> tuple[list[TrialFeatures], list[TrialFeatures]]:
    """Trials to learn from, and those to choose by; whole persons on one side."""
    chosen = [trial for trial in trials if trial.seed % VALIDATION_EVERY == 0]
    return [trial for trial in trials if trial.seed % VALIDATION_EVERY], chosen


def train_network(
    trials: Sequence[TrialFeatures],
    plan: TrainingPlan | None = None,
    settings: NetworkSettings | None = None,
    folder: Path | None = None,
    progress: TrainingProgress | None = None,
) -> tuple[SwallowNetwork, History]:
    """Train a network on simulated trials; the same call goes on where it was interrupted.

    Args:
        trials: whose windows are learned; every eighth seed decides which weights are kept.
        plan: numbers of the run.
        settings: of the network.
        folder: of the checkpoint.
        progress: of the steps.

    Raises:
        ParameterError: if there are no trials for one of the two.
    """
    plan = plan or TrainingPlan()
    network = SwallowNetwork(settings, plan.seed)
    learning, choosing = divided(trials)
    network.start_patterns(first_patterns(learning, network.settings.patterns))
    window = network.settings.window
    data = Windows([lesson_of(trial) for trial in learning], window, _WINDOWS_EPOCH, plan.seed)
    check = Windows([lesson_of(trial) for trial in choosing], window, _WINDOWS_EPOCH // 2, plan.seed + 1, varied=False)
    numbers = Settings(
        epochs=plan.epochs, batch_size=plan.batch_size, learning_rate=plan.learning_rate, seed=plan.seed, clip_norm=5.0
    )
    history = fit(
        network,
        SwallowObjective(),
        data,
        numbers,
        folder=folder,
        validation=Validation(check),
        compute=Compute("cpu"),
        progress=progress,
    )
    return network.eval(), history


def first_patterns(trials: Sequence[TrialFeatures], count: int) -> Tensor:
    """Principal components of the deformation in swallows, over all persons, (count, CELLS), smoothed and of unit norm."""
    total = torch.zeros(CELLS, CELLS, dtype=torch.float64)
    for trial in trials:
        table = trial.table
        change = (table.change * table.weight).double()
        change = change - change.mean(0)
        smooth = torch.nn.functional.avg_pool1d(change.T[None], 5, stride=1, padding=2)[0]
        noise = float(change.diff(dim=0).square().mean()) + 0.05
        up = smooth[:, trial.lift > 3.0]
        total += up @ up.T / noise
    _, vectors = torch.linalg.eigh(total)
    patterns = vectors[:, -count:].T.flip(0).float().reshape(count, ROWS, COLUMNS)
    smooth = gaussian_blur(patterns, 0.7).flatten(1)
    return smooth / smooth.norm(dim=1, keepdim=True)
