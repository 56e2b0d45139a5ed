"""The same training from several seeds: how much of a result is luck, and the best of them."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from foreknow.errors import ParameterError
from foreknow.learn.compute import Compute
from foreknow.learn.data import Data
from foreknow.learn.fit import fit
from foreknow.learn.history import History
from foreknow.learn.learner import OptimizerFactory
from foreknow.learn.logs import CSVLog
from foreknow.learn.objectives import Objective
from foreknow.learn.progress import TrainingProgress
from foreknow.learn.schedule import Schedule
from foreknow.learn.settings import Settings
from foreknow.learn.validation import Validation


@dataclass(frozen=True)
class Several:
    """Networks from several seeds; `print` shows a table.

    Attributes:
        networks: by seed.
        histories: by seed.
    """

    networks: dict[int, nn.Module]
    histories: dict[int, History]

    @property
    def scores(self) -> dict[int, float]:
        """The lowest validation score of each seed, or the last training loss where nothing was validated."""
        found = {}
        for seed, history in self.histories.items():
            row = history.epochs[history.best_epoch - 1]
            found[seed] = row.loss if row.validation is None else row.validation
        return found

    @property
    def best_seed(self) -> int:
        """That of the lowest score."""
        return min(self.scores, key=lambda seed: self.scores[seed])

    @property
    def best(self) -> nn.Module:
        """The network of the lowest score."""
        return self.networks[self.best_seed]

    @property
    def median(self) -> float:
        """Of the scores: what to expect of one more seed."""
        return statistics.median(self.scores.values())

    def __str__(self) -> str:
        rows = [f"{'seed':>6}  {'epochs':>6}  {'score':>12}"]
        for seed, score in self.scores.items():
            mark = "  <- best" if seed == self.best_seed else ""
            rows.append(f"{seed:>6}  {len(self.histories[seed].epochs):>6}  {score:>12.6g}{mark}")
        low, high = min(self.scores.values()), max(self.scores.values())
        return "\n".join([*rows, f"median {self.median:.6g}, from {low:.6g} to {high:.6g}"])


def fit_several(
    make: Callable[[], nn.Module],
    objective: Objective,
    data: Data,
    settings: Settings | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    *,
    folder: str | Path | None = None,
    validation: Validation | None = None,
    schedule: Schedule | None = None,
    optimizer: OptimizerFactory = torch.optim.Adam,
    compute: Compute | None = None,
    progress: TrainingProgress | None = None,
) -> Several:
    """Train from several seeds, one after the other; resumable like `fit`.

    Args:
        make: makes a new network; called with PyTorch's generator set to the seed, so that the first weights differ too.
        objective: what the networks are trained for; one without a state of its own.
        data: to learn from.
        settings: of the runs; the seed in them is replaced.
        seeds: of the runs, all different.
        folder: for checkpoints and tables, ``seed-0`` and so on; None to keep none.
        validation: as in `fit`.
        schedule: as in `fit`.
        optimizer: as in `fit`.
        compute: as in `fit`.
        progress: as in `fit`.

    Raises:
        ParameterError: if there is no seed, or one twice.
        TrainingDivergedError, OtherRunError, InputFileError, DataError, ShapeError: as in `fit`.
    """
    if not seeds or len(set(seeds)) < len(seeds):
        message = f"several runs need different seeds, not {list(seeds)}"
        raise ParameterError(message)
    chosen = Settings() if settings is None else settings
    networks, histories = {}, {}
    for seed in seeds:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = make()
        place = None if folder is None else Path(folder) / f"seed-{seed}"
        histories[seed] = fit(
            network,
            objective,
            data,
            replace(chosen, seed=seed),
            folder=place,
            validation=validation,
            schedule=schedule,
            optimizer=optimizer,
            compute=compute,
            logs=[] if place is None else [CSVLog(place / "epochs.csv")],
            progress=progress,
        )
        networks[seed] = network
    return Several(networks, histories)
