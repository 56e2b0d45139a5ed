"""A vessel network trained further on the user's own runs, without labels: the declared model is the loss (strategy 3)."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from foreknow.angiography.network.objective import LayerAndGate
from foreknow.angiography.network.training_runs import TrainingRuns
from foreknow.angiography.network.variation import Varied
from foreknow.angiography.network.vessel_network import VesselNetwork
from foreknow.angiography.noise import noise_of_samples
from foreknow.errors import DataError
from foreknow.inject import ModelLoss
from foreknow.learn import (
    AmortisationGap,
    Compute,
    CSVLog,
    Data,
    Example,
    Examples,
    History,
    Injected,
    RandomFrames,
    RandomViews,
    Settings,
    TrainingProgress,
    UnequalExamples,
    Validation,
    WithLabels,
    evaluate,
    fit,
)
from foreknow.model import Model
from foreknow.noise import Gaussian
from foreknow.priors import L1, NonNegative, PerEntryNuclearNorm
from foreknow.problem import Component

_LEAST = 0.005  # attenuation: what counts as noise at least, also in smooth frames
_FAR, _NEAR = 0.8, 1.25


@dataclass(frozen=True)
class InjectionNumbers:
    """Numbers of the training on the user's runs.

    Attributes:
        epochs: passes through them.
        items: short films taken of each run in an epoch.
        frames: of a short film.
        view: pixels of a side of what is seen of it.
        batch_size: short films a step.
        learning_rate: at its highest.
        threshold: of the vessels, in standard deviations of the noise.
        low_rank: weight of the background's rank, relative to that threshold.
        simulated: runs that are drawn to keep what the network knows; 0 for none.
        keep: how much they count beside the user's runs.
        seed: of everything.
    """

    epochs: int = 8
    items: int = 8
    frames: int = 6
    view: int = 160
    batch_size: int = 2
    learning_rate: float = 3e-4
    threshold: float = 3.0
    low_rank: float = 0.4
    simulated: int = 24
    keep: float = 0.01
    seed: int = 0


@dataclass(frozen=True)
class Injection:
    """What became of a training.

    Attributes:
        history: of it.
        formula: of the declared model.
        noise: standard deviation in the runs, attenuation.
        gap: distance from the certified optimum on a run that was not learned from, relative: before and after.
        kept: loss on simulated runs that were not learned from, before and after; None without simulated runs.
        fingerprint: of the data.
    """

    history: History
    formula: str
    noise: float
    gap: tuple[float, float]
    kept: tuple[float, float] | None
    fingerprint: str = field(repr=False)


def declared_model(noise: float, numbers: InjectionNumbers | None = None) -> Model:
    """The background of a run is of low rank, vessels are sparse and add attenuation; thresholds by the noise."""
    numbers = numbers or InjectionNumbers()
    threshold = numbers.threshold * noise
    vessels = L1(threshold, event_dims=3) & NonNegative(event_dims=3)
    background = PerEntryNuclearNorm(numbers.low_rank * threshold, event_dims=3)
    return Model(background=Component(background), vessels=Component(vessels), noise=Gaussian(1.0))


def loss_of(model: Model) -> ModelLoss:
    """The network gives the background; the best vessels for it are known."""
    return model.loss(eliminate="vessels")


def inject(
    network: VesselNetwork,
    films: Sequence[Tensor],
    folder: str | Path,
    numbers: InjectionNumbers | None = None,
    *,
    progress: TrainingProgress | None = None,
    drawn: Callable[[int], None] | None = None,
    compute: Compute | None = None,
) -> Injection:
    """Train a network on runs without labels; the same call after an interruption goes on.

    One run is held apart to validate with; of a single run the last quarter of its frames is.

    Args:
        network: changed in place.
        films: runs (frames, height, width), attenuation, at the size at which the network looks.
        folder: of checkpoint, log and simulated runs.
        numbers: of the training.
        progress: of the training.
        drawn: told the number of simulated runs that are there.
        compute: the hardware.

    Raises:
        DataError: if there are too few frames, or frames smaller than a view.
    """
    numbers = numbers or InjectionNumbers()
    learned, apart = _divided(films, numbers)
    noise = max(_LEAST, statistics.median(noise_of_samples(film.flatten(1)) for film in learned))
    model = declared_model(noise, numbers)
    loss, work = loss_of(model), Path(folder)
    data = _views(UnequalExamples([Example(film, {}) for film in learned]), numbers, items=numbers.items)
    test = Examples(torch.stack([_middle(apart, numbers, part) for part in range(4)]))
    gap = AmortisationGap(loss, steps=0, tolerance=1e-3)
    objective: Injected | WithLabels = Injected(loss)
    before_kept, kept_data = None, None
    if numbers.simulated:
        known = TrainingRuns(work / "runs", numbers.simulated, seed=numbers.seed)
        known.prepare(drawn)
        shown = Varied(RandomViews(RandomFrames(known, 3), numbers.view, _FAR, _NEAR))
        objective = WithLabels(objective, LayerAndGate(), shown, weight=numbers.keep, batch_size=2)
        others = TrainingRuns(work / "runs", max(2, numbers.simulated // 8), seed=numbers.seed + 1)
        kept_data = RandomViews(RandomFrames(others, 1, items=2), 384, 1.0, 1.0)
        before_kept = evaluate(network, LayerAndGate(alone=1.0), kept_data)
    before = evaluate(network, gap, test)
    history = fit(
        network,
        objective,
        data,
        Settings(epochs=numbers.epochs, batch_size=numbers.batch_size, learning_rate=numbers.learning_rate, seed=numbers.seed),
        folder=work / "checkpoint",
        validation=Validation(test, gap),
        compute=compute,
        logs=[CSVLog(work / "epochs.csv")],
        progress=progress,
    )
    after = evaluate(network, gap, test)
    kept = None
    if kept_data is not None and before_kept is not None:
        kept = (before_kept, evaluate(network, LayerAndGate(alone=1.0), kept_data))
    return Injection(history, str(model), noise, (before, after), kept, data.fingerprint())


def training_facts(numbers: InjectionNumbers) -> dict[str, int | float]:
    """The numbers as a saved model's description has them."""
    return asdict(numbers)


def _divided(films: Sequence[Tensor], numbers: InjectionNumbers) -> tuple[list[Tensor], Tensor]:
    """What is learned from, and what is held apart."""
    long = [film for film in films if len(film) >= numbers.frames]
    least = round(numbers.view / _FAR)
    if not long or min(min(film.shape[1:]) for film in long) < least:
        message = (
            f"training needs runs of {numbers.frames} frames or more and of {least} pixels a side or more; "
            f"{len(long)} of {len(films)} runs are long enough"
        )
        raise DataError(message)
    if len(long) > 1:
        return long[:-1], long[-1]
    (film,) = long
    count = max(numbers.frames, len(film) // 4)
    if len(film) - count < numbers.frames:
        message = f"one run of {len(film)} frames is too short to learn from a part of it; give more runs"
        raise DataError(message)
    return [film[:-count]], film[-count:]


def _views(data: Data, numbers: InjectionNumbers, items: int) -> Data:
    return RandomViews(RandomFrames(data, numbers.frames, items=items), numbers.view, _FAR, _NEAR)


def _middle(film: Tensor, numbers: InjectionNumbers, part: int) -> Tensor:
    """One of four views of a film, about its middle."""
    chosen = torch.linspace(0, len(film) - 1, numbers.frames).round().long()
    height, width = film.shape[1:]
    top = min(max(0, height // 2 - numbers.view * (1 - part // 2)), height - numbers.view)
    left = min(max(0, width // 2 - numbers.view * (1 - part % 2)), width - numbers.view)
    return film[chosen, top : top + numbers.view, left : left + numbers.view]
