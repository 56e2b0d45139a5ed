"""Training, in one call."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from foreknow.learn.compute import Compute
from foreknow.learn.data import Data
from foreknow.learn.guards import Guard
from foreknow.learn.history import History
from foreknow.learn.identity import describe, layout
from foreknow.learn.learner import Learner, OptimizerFactory
from foreknow.learn.logs import Log
from foreknow.learn.objectives import Objective
from foreknow.learn.progress import Bar, Silent, TrainingProgress
from foreknow.learn.run import Run
from foreknow.learn.schedule import Cosine, Schedule
from foreknow.learn.settings import Settings
from foreknow.learn.validation import Validation


def fit(
    network: nn.Module,
    objective: Objective,
    data: Data,
    settings: Settings | None = None,
    *,
    folder: str | Path | None = None,
    validation: Validation | None = None,
    guards: Sequence[Guard] = (),
    schedule: Schedule | None = None,
    optimizer: OptimizerFactory = torch.optim.Adam,
    compute: Compute | None = None,
    logs: Sequence[Log] = (),
    progress: TrainingProgress | None = None,
) -> History:
    """Train a network in place.

    The same call after an interruption of any kind goes on where the last checkpoint of ``folder`` is, and gives bit by bit the
    same network and history as a run that was never interrupted (on a processor with the same number of threads; on a GPU as far
    as its kernels are deterministic). The same call after the end gives the result again. All randomness depends on
    ``settings.seed``; the generators of the caller are not touched.

    Example:
        >>> import torch
        >>> from foreknow import L1, Component, Gaussian, Model
        >>> from foreknow.learn import SURE, Compute, Examples, Settings, Silent, fit
        >>> from foreknow.solve import ForwardBackward
        >>> from foreknow.unroll import UnrolledNetwork, Weights
        >>> model = Model(noise=Gaussian(0.3), spikes=Component(L1(weight=1.0)))
        >>> network = UnrolledNetwork(model.problem, ForwardBackward(), 2, [Weights()])
        >>> noisy = Examples(0.3 * torch.randn(16, 64))
        >>> history = fit(network, SURE(sigma=0.3), noisy, Settings(epochs=2), compute=Compute("cpu"), progress=Silent())
        >>> history.steps
        4

    Args:
        network: any module from y, (batch, *shape), to a `foreknow.unroll.Estimate`, a dictionary of components or a tensor.
        objective: what it is trained for.
        data: to learn from.
        settings: numbers of the run; `Settings()` if None.
        folder: where the checkpoint is kept; None to keep none. Several machines must see the same folder.
        validation: after every epoch; the network ends with the weights of the best score. Without it, with the last ones.
        guards: protect what the network knows when the training begins.
        schedule: of the learning rate; `Cosine()` if None.
        optimizer: called with the parameters and ``lr``.
        compute: the hardware; `Compute()` if None.
        logs: of the epochs.
        progress: of the steps; a bar with the time left if None.

    Returns:
        The loss of every epoch, and why the run ended.

    Raises:
        TrainingDivergedError: if loss or gradient are not finite; the network then has the last weights that were noted before.
        OtherRunError: if the folder holds a run with other settings, data or network.
        InputFileError: if its checkpoint is damaged.
        ParameterError: if there is nothing to learn.
        DataError, ShapeError: if data, network and objective do not fit.
    """
    chosen = Settings() if settings is None else settings
    plan = Cosine() if schedule is None else schedule
    hardware = Compute() if compute is None else compute
    fabric = hardware.fabric()
    shown: TrainingProgress = Silent()
    if fabric.is_global_zero:
        shown = Bar() if progress is None else progress
    home = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    modes = [(module, module.training) for module in network.modules()]
    try:
        for guard in guards:
            guard.protect(network)
        where = None if folder is None else Path(folder)
        identity = {} if where is None else _identity(network, objective, data, chosen, validation, guards)
        identity |= {
            "schedule": describe(plan),
            "optimizer": describe(optimizer),
            "precision": hardware.precision,
            "number of devices": fabric.world_size,
        }
        learner = Learner(network, objective, guards, chosen, optimizer, fabric)
        run = Run(learner, identity, data, validation, plan, where, logs, shown)
        with torch.random.fork_rng(devices=[fabric.device] if fabric.device.type == "cuda" else []):
            return run.go()
    finally:
        shown.finish()
        for log in logs:
            log.close()
        for guard in guards:
            guard.release()
        for module, mode in modes:
            module.training = mode
        network.to(home)


def _identity(
    network: nn.Module,
    objective: Objective,
    data: Data,
    settings: Settings,
    validation: Validation | None,
    guards: Sequence[Guard],
) -> dict[str, Any]:
    """What a checkpoint is compared by; it takes a pass through the data."""
    return {
        "settings": settings.decisive(),
        "data": data.fingerprint(),
        "validation data": None if validation is None else validation.data.fingerprint(),
        "enough": None if validation is None else validation.enough,
        "objective": describe(objective),
        "guards": [describe(guard) for guard in guards],
        "network": layout(network),
    }
