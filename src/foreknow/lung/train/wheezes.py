"""Training of the wheeze network by injection: ``python -m foreknow.lung.train.wheezes FOLDER`` makes the one that is shipped."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import torch

from foreknow.errors import DataError
from foreknow.learn import Compute, Data, History, Settings, TrainingProgress, Validation, evaluate, fit
from foreknow.lung.scoring import si_sdr
from foreknow.lung.train.wheeze_injection import WheezeInjection, wheeze_model
from foreknow.lung.train.wheeze_windows import draw_window, examples, simulated_spectra
from foreknow.lung.wheeze_model import SHIPPED, load_wheeze_network, save_wheeze_network
from foreknow.lung.wheeze_network import WheezeNetwork, WheezeNetworkSettings
from foreknow.lung.wheeze_network_separation import NetworkWheezeSeparator
from foreknow.lung.wheeze_settings import WheezeSettings

TRAINING = Settings(epochs=12, batch_size=8, learning_rate=5e-3, clip_norm=1.0, checkpoint_seconds=20.0)
ADAPTATION = Settings(epochs=6, batch_size=8, learning_rate=1e-3, clip_norm=1.0)
WINDOWS = 448
LEAST_WINDOWS = 8
_WORST_DB = 100.0  # for a part in which there is nothing
_TRAINING_SEED, _VALIDATION_SEED, _TEST_SEED = 72_000, 73_000, 74_000


def train_wheezes(
    network: WheezeNetwork,
    data: Data,
    validation: Data,
    settings: Settings = TRAINING,
    *,
    folder: Path | None = None,
    progress: TrainingProgress | None = None,
) -> tuple[History, dict[str, float]]:
    """Train a network on windows without labels; it ends with the weights that are best on windows held apart.

    Args:
        network: trained in place.
        data: as of `examples`.
        validation: other windows.
        settings: of the run.
        folder: of the checkpoint, from which an interrupted run goes on; None to keep none.
        progress: of the steps.

    Returns:
        The course, and by name the loss on the windows held apart before and after.
    """
    objective = WheezeInjection()
    before = evaluate(network, objective, validation, settings.batch_size)
    history = fit(
        network,
        objective,
        data,
        settings,
        folder=folder,
        validation=Validation(validation),
        compute=Compute("cpu"),
        progress=progress,
    )
    return history, {"loss before": before, "loss": evaluate(network, objective, validation, settings.batch_size)}


def adapt_wheezes(
    windows: Sequence[torch.Tensor],
    folder: Path,
    *,
    start: str = SHIPPED,
    settings: Settings = ADAPTATION,
    progress: TrainingProgress | None = None,
) -> dict[str, float]:
    """Adapt a network to a user's own recordings, without labels, and write it to ``folder/wheezes``.

    A quarter of the windows is held apart; the weights are kept that are best on these, the old ones if no others are better.

    Args:
        windows: of recordings at the rate of the network, (n,) each and of one length; without crackles if they are known.
        folder: made if it is not there.
        start: network to start from.
        settings: of the run.
        progress: of the steps.

    Returns:
        What was measured: the loss on the windows held apart before and after, and the gain on simulated recordings before and
        after, dB, which should not fall.

    Raises:
        DataError: if there are too few windows that sound.
        InputFileError: if there is no network to start from.
    """
    audible = [window for window in windows if bool(window.abs().amax() > 0)]
    if len(audible) < LEAST_WINDOWS:
        message = f"at least {LEAST_WINDOWS} windows that are not silent are needed to adapt to, but there are {len(audible)}"
        raise DataError(message)
    network = load_wheeze_network(start).requires_grad_(requires_grad=True)
    apart, others = audible[::4], [window for place, window in enumerate(audible) if place % 4]
    generator = torch.Generator().manual_seed(settings.seed)
    data, validation = (examples(part, network.settings, generator) for part in (others, apart))
    old = {name: value.clone() for name, value in network.state_dict().items()}
    known = simulated_gain(network)
    history, metrics = train_wheezes(network, data, validation, settings, progress=progress)
    if metrics["loss"] >= metrics["loss before"]:
        network.load_state_dict(old)
        metrics["loss"] = metrics["loss before"]
    metrics |= {"gain on simulated recordings before, dB": known, "gain on simulated recordings, dB": simulated_gain(network)}
    _save(folder / "wheezes", network, settings, history, data, metrics)
    return metrics


def simulated_gain(network: WheezeNetwork, windows: int = 12) -> float:
    """Median gain in SI-SDR of the wheeze part over the window as it is, on simulated windows that are never learned from, dB."""
    generator = torch.Generator().manual_seed(_TEST_SEED)
    gains: list[float] = []
    mode = network.training
    while len(gains) < windows:
        window, drawn = draw_window(network.settings.rate, generator)
        if not bool(drawn.wheezes.any()):
            continue
        separator = NetworkWheezeSeparator(network, WheezeSettings(), window.shape[-1])
        found = separator.separate(window[None].float())[0].double()
        gains.append(max(-_WORST_DB, float(si_sdr(found, drawn.wheezes) - si_sdr(window, drawn.wheezes))))
    network.train(mode)
    return median(gains)


def _save(
    folder: Path, network: WheezeNetwork, settings: Settings, history: History, data: Data, metrics: dict[str, float]
) -> None:
    save_wheeze_network(
        folder,
        network,
        formula=str(wheeze_model(torch.ones(()))),
        training={**settings.decisive(), "objective": "WheezeInjection", "windows": len(data), "steps done": history.steps},
        data=data.fingerprint(),
        metrics=metrics,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the network that comes with foreknow and write it."""
    parser = argparse.ArgumentParser(description="Train the wheeze network that comes with foreknow, on simulated recordings only.")
    parser.add_argument("folder", type=Path, help="where the model is written (src/foreknow/lung/weights/wheezes)")
    parser.add_argument("--work", type=Path, help="folder of the checkpoint; the same command goes on from there")
    parser.add_argument("--epochs", type=int, default=TRAINING.epochs)
    parser.add_argument("--windows", type=int, default=WINDOWS, help="windows of 4 s to learn from")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    torch.manual_seed(TRAINING.seed)
    settings = Settings(**{**TRAINING.decisive(), "epochs": options.epochs})
    network = WheezeNetwork(WheezeNetworkSettings())
    data = simulated_spectra(options.windows, _TRAINING_SEED, network.settings)
    apart = simulated_spectra(max(8, options.windows // 8), _VALIDATION_SEED, network.settings)
    history, metrics = train_wheezes(network, data, apart, settings, folder=options.work)
    metrics["gain on simulated recordings, dB"] = simulated_gain(network)
    _save(options.folder, network, settings, history, data, metrics)
    sys.stdout.write(f"{history}\n{metrics}\n")


if __name__ == "__main__":
    main()
