"""Crackle networks trained on simulated recordings: `python -m foreknow.lung.train.crackles FOLDER` makes the shipped one."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from foreknow.learn import Compute, Examples, History, Settings, Simulated, TrainingProgress, Validation, evaluate, fit
from foreknow.lung.crackle_model import save_crackle_network
from foreknow.lung.crackle_network import CrackleNetwork, CrackleNetworkSettings
from foreknow.lung.train.crackle_error import CrackleError
from foreknow.lung.train.crackle_windows import CrackleWindows

_VALIDATION_SEED, _TRAINING_SEED = 2, 1
SHIPPED = Settings(epochs=5, batch_size=8, learning_rate=0.03, clip_norm=10.0, checkpoint_seconds=20.0)
SIZE = 100  # windows of 4 s
PIECE = 4096  # samples
_AUDIBLE = 20.0  # energy of the whitened crackles of a piece, as in `CrackleError`


@dataclass(frozen=True)
class PieceOfWindow:
    """A piece, at a random place, of a window that is whitened as a whole: as good to learn from, and quicker.

    Attributes:
        windows: draws whole windows.
        length: of the piece, samples.
    """

    windows: CrackleWindows
    length: int = PIECE

    def __call__(self, generator: torch.Generator) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The piece and its crackles, (length,) each."""
        y, truth = self.windows(generator)
        first = int(torch.randint(0, y.shape[0] - self.length + 1, (1,), generator=generator))
        piece = slice(first, first + self.length)
        return y[piece], {name: part[piece] for name, part in truth.items()}


def simulated_pieces(size: int, seed: int = _TRAINING_SEED) -> Simulated:
    """A data set of simulated pieces with their truth; other ones in every epoch.

    Args:
        size: pieces an epoch.
        seed: of the data set.
    """
    return Simulated(PieceOfWindow(CrackleWindows()), size, seed)


def kept_pieces(count: int, seed: int = _TRAINING_SEED) -> Examples:
    """Whole simulated windows, cut into pieces that do not overlap and held in memory.

    Of pieces without crackles every fourth is kept. With more of them, thresholds are learned that miss faint crackles.

    Args:
        count: of windows.
        seed: of the data set.
    """
    drawn = Simulated(CrackleWindows(), count, seed).draw(range(count), 0)
    y, crackles = drawn.y.reshape(-1, PIECE), drawn.truth["crackles"].reshape(-1, PIECE)
    holds = crackles.square().sum(dim=-1) > _AUDIBLE
    empty = (~holds).nonzero().flatten()[::4]
    chosen = torch.cat((holds.nonzero().flatten(), empty)).sort().values
    return Examples(y[chosen], {"crackles": crackles[chosen]})


def train_on_simulated(
    network: CrackleNetwork,
    settings: Settings = SHIPPED,
    *,
    size: int = SIZE,
    folder: Path | None = None,
    progress: TrainingProgress | None = None,
) -> tuple[History, dict[str, float]]:
    """Train a network end to end on simulated crackles in simulated breath.

    Args:
        network: trained in place.
        settings: of the run.
        size: windows to learn from; a quarter as many others are held out.
        folder: of the checkpoint, from which an interrupted run goes on; None to keep none.
        progress: of the steps.

    Returns:
        The course, and the error (`CrackleError`, dB) on other simulated pieces before and after.
    """
    validation = kept_pieces(max(4, size // 4), _VALIDATION_SEED)
    before = evaluate(network, CrackleError(), validation, settings.batch_size)
    history = fit(
        network,
        CrackleError(),
        kept_pieces(size),  # some tens of numbers are learned: no new ones are needed in every epoch
        settings,
        folder=folder,
        validation=Validation(validation),
        compute=Compute("cpu"),
        progress=progress,
    )
    after = evaluate(network, CrackleError(), validation, settings.batch_size)
    return history, {"crackle error before, dB": before, "crackle error, dB": after}


def make(folder: Path, settings: CrackleNetworkSettings | None = None, *, size: int = SIZE, work: Path | None = None) -> None:
    """Train a network as the shipped one is trained, and write it.

    Args:
        folder: where the model is written.
        settings: how it is built.
        size: windows to learn from.
        work: folder of the checkpoint.
    """
    network = CrackleNetwork(settings)
    history, metrics = train_on_simulated(network, SHIPPED, size=size, folder=work)
    save_crackle_network(
        folder,
        network,
        training={**SHIPPED.decisive(), "objective": "CrackleError", "windows": size, "steps done": history.steps},
        data=Simulated(CrackleWindows(), size, _TRAINING_SEED).fingerprint(),
        metrics=metrics,
    )
    print(history)  # noqa: T201  (a program)
    print(metrics, flush=True)  # noqa: T201


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the network that comes with foreknow and write it."""
    parser = argparse.ArgumentParser(
        description="Train the crackle network that comes with foreknow, on simulated recordings only."
    )
    parser.add_argument("folder", type=Path, help="where the model is written (src/foreknow/lung/weights/crackles)")
    parser.add_argument("--work", type=Path, help="folder of the checkpoint; the same command goes on from there")
    parser.add_argument("--size", type=int, default=SIZE, help="windows of about 4 s to learn from")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    make(options.folder, size=options.size, work=options.work)


if __name__ == "__main__":
    main()
