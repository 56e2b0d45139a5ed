"""Training by injection, on a user's images or on simulated smears; no labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from foreknow.cytology.density import optical_density_of
from foreknow.cytology.image_file import read_field
from foreknow.cytology.inputs import find_images
from foreknow.cytology.network.glass_network import GlassNetwork
from foreknow.cytology.network.objective import InjectedBackground
from foreknow.cytology.network.saved import load_network, save_network
from foreknow.cytology.network.simulated import simulated_field
from foreknow.cytology.network.views import FieldViews
from foreknow.errors import DataError, ForeknowError, ParameterError
from foreknow.files import display_name
from foreknow.learn import Compute, CSVLog, History, Settings, TrainingProgress, Validation, fit

MODEL = "model.json"
_APART = 8  # one in so many fields is held apart, where there are as many
_MOST_PIXELS = 40_000_000


@dataclass(frozen=True)
class FitNumbers:
    """Numbers of a training.

    Attributes:
        steps: of the optimiser, about; epochs follow from the number of fields.
        views: of each field in an epoch.
        batch_size: views a step: the batch over which light has low rank.
        learning_rate: at its highest.
        seed: of everything.

    Raises:
        ParameterError: if a number is not positive.
    """

    steps: int = 240
    views: int = 4
    batch_size: int = 8
    learning_rate: float = 3e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.views, self.batch_size) < 1 or not self.learning_rate > 0:
            message = f"a training needs positive steps, views, batch size and learning rate, not {self}"
            raise ParameterError(message)


@dataclass(frozen=True)
class FitOutcome:
    """What became of a training.

    Attributes:
        fields: that were learned from.
        history: losses.
        failures: sentences on images that were left out.
    """

    fields: int
    history: History
    failures: tuple[str, ...]


def fit_on_images(
    paths: Sequence[str | Path],
    folder: str | Path,
    numbers: FitNumbers | None = None,
    *,
    start: str | Path | None = None,
    overwrite: bool = False,
    progress: TrainingProgress | None = None,
) -> FitOutcome:
    """Train on images without labels; the same call after an interruption goes on.

    Args:
        paths: images and folders of them.
        folder: of the saved model.
        numbers: of the training.
        start: folder of a model to go on with; the one that comes with foreknow if None.
        overwrite: whether a model that is there is replaced.
        progress: of the training.

    Raises:
        InputFileError: if there are no images, or none can be used.
        ParameterError: if there is a model already.
    """
    _require_free(Path(folder), overwrite=overwrite)
    fields: list[Tensor] = []
    failures: list[str] = []
    for source in find_images(paths, Path(folder)):
        try:
            fields.append(_density(source.path))
        except ForeknowError as error:
            failures.append(str(error))
    if not fields:
        message = f"none of the images can be used: {failures[0]}"
        raise DataError(message)
    colour = max(len(one) for one in fields)
    fields = [one.expand(colour, -1, -1) for one in fields]
    network, _ = load_network(start)
    history = train(network, fields, Path(folder), numbers or FitNumbers(), f"{len(fields)} images", progress)
    return FitOutcome(len(fields), history, tuple(failures))


def fit_on_simulated(
    folder: str | Path,
    count: int,
    numbers: FitNumbers | None = None,
    *,
    overwrite: bool = False,
    drawn: Callable[[int], None] | None = None,
    progress: TrainingProgress | None = None,
) -> FitOutcome:
    """Train a new network on simulated smears alone, sparse and dense ones, half of them made worse.

    Args:
        folder: of the saved model.
        count: smears.
        numbers: of the training.
        overwrite: whether a model that is there is replaced.
        drawn: told how many smears are drawn.
        progress: of the training.

    Raises:
        ParameterError: if there is a model already, or ``count`` is not positive.
    """
    if count < 1:
        message = f"a training needs one simulated smear or more, not {count}"
        raise ParameterError(message)
    _require_free(Path(folder), overwrite=overwrite)
    numbers = numbers or FitNumbers()
    fields = []
    for number in range(count):
        fields.append(simulated_field(number, numbers.seed))
        if drawn is not None:
            drawn(number + 1)
    torch.manual_seed(numbers.seed)
    history = train(GlassNetwork(), fields, Path(folder), numbers, f"{count} simulated smears, seed {numbers.seed}", progress)
    return FitOutcome(count, history, ())


def train(
    network: GlassNetwork, fields: Sequence[Tensor], folder: Path, numbers: FitNumbers, data: str, progress: TrainingProgress | None
) -> History:
    """Train in place, one in eight fields held apart, and save."""
    apart = list(fields[::_APART]) if len(fields) >= _APART else []
    learned = [one for number, one in enumerate(fields) if number % _APART or not apart]
    views = FieldViews(learned, numbers.views, numbers.seed)
    epochs = max(1, round(numbers.steps * numbers.batch_size / len(views)))
    objective = InjectedBackground()
    history = fit(
        network,
        objective,
        views,
        Settings(epochs=epochs, batch_size=numbers.batch_size, learning_rate=numbers.learning_rate, seed=numbers.seed),
        folder=folder / "work",
        validation=Validation(FieldViews(apart, numbers.views, numbers.seed + 1), objective) if apart else None,
        compute=Compute(),
        logs=[CSVLog(folder / "epochs.csv")],
        progress=progress,
    )
    best = history.epochs[history.best_epoch - 1].validation if apart else None
    save_network(
        folder,
        network.eval(),
        training={**asdict(numbers), "epochs": epochs, "objective": "injected background, no labels"},
        data=data,
        metrics={} if best is None else {"loss on fields held apart": best},
    )
    return history


def _density(path: Path) -> Tensor:
    pixels = read_field(path).pixels
    if pixels.shape[0] * pixels.shape[1] > _MOST_PIXELS:
        message = f"{display_name(path)} is a whole slide; give fields of view, such as tiles of 2000 x 2000 pixels"
        raise DataError(message)
    return optical_density_of(torch.as_tensor(pixels), display_name(path))


def _require_free(folder: Path, *, overwrite: bool) -> None:
    if (folder / MODEL).exists() and not overwrite:
        message = f"{display_name(folder)} holds a model already; add --overwrite to replace it, or choose another folder (-o)"
        raise ParameterError(message)
