"""The crackle network adapted to recordings without labels, and guarded against forgetting what it knows."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from foreknow.files import InputFile
from foreknow.learn import (
    Compute,
    Data,
    DriftReport,
    Examples,
    History,
    Objective,
    Settings,
    TrainingProgress,
    Validation,
    evaluate,
    fit,
    measure_drift,
)
from foreknow.learn.guards import Replay
from foreknow.learn.validation import Score
from foreknow.lung.crackle_model import UNROLLED, load_crackle_network, save_crackle_network
from foreknow.lung.crackle_network import CrackleNetwork
from foreknow.lung.train.crackle_error import CrackleError
from foreknow.lung.train.crackle_sparsity import CrackleSparsity, only_wavelets
from foreknow.lung.train.crackles import PIECE, kept_pieces, simulated_pieces
from foreknow.lung.train.recorded_windows import RecordedWindows, read_windows

_SOURCE_SEED, _CHECK_SEED = 3, 4
_SOURCE_SIZE, _CHECK_SIZE = 256, 16
_REPLAY_WEIGHT = 0.02  # a dB on simulated crackles is worth 2 % of the energy of the breath sound
ADAPTATION = Settings(epochs=6, batch_size=8, learning_rate=0.01, clip_norm=10.0)


@dataclass(frozen=True)
class CrackleAdaptation:
    """What an adaptation came to.

    Attributes:
        network: adapted.
        before: as it was.
        history: of the training.
        drift: scores, minus the losses, on simulated crackles (source) and on the recordings held out (target).
        windows: what was learned from.
    """

    network: CrackleNetwork
    before: CrackleNetwork
    history: History
    drift: DriftReport
    windows: RecordedWindows


def adapt_crackles(
    files: Sequence[InputFile],
    folder: str | Path,
    *,
    start: str = UNROLLED,
    settings: Settings = ADAPTATION,
    progress: TrainingProgress | None = None,
    windows: RecordedWindows | None = None,
) -> CrackleAdaptation:
    """Adapt the wavelet of a crackle network to recordings; thresholds stay, so that false alarms stay as rare as they were.

    It learns to explain the recordings by few crackle coefficients (`CrackleSparsity`) and practises simulated crackles with their
    truth meanwhile (`foreknow.learn.guards.Replay`). The epoch that explains recordings best which it did not learn from is kept,
    be it the state before the first one. The same call after an interruption goes on where it was.

    Args:
        files: recordings.
        folder: where the model and, meanwhile, the checkpoint are written.
        start: network to start from, as in `load_crackle_network`.
        settings: of the training.
        progress: of its steps.
        windows: of the recordings, where they are read already.

    Raises:
        InputFileError: if ``start`` is no model.
        DataError: if the recordings do not suffice.
        OtherRunError: if the folder holds the checkpoint of a run on other recordings.
    """
    place = Path(folder)
    network = load_crackle_network(start)
    before = copy.deepcopy(network)
    read = windows or read_windows(files)
    recordings, held_out = (Examples(part.reshape(-1, PIECE)) for part in (read.training, read.validation))
    objective = CrackleSparsity(network)
    only_wavelets(network)
    history = fit(
        network,
        objective,
        recordings,
        settings,
        folder=place / "checkpoint",
        validation=Validation(held_out, objective),
        guards=[Replay(simulated_pieces(_SOURCE_SIZE, _SOURCE_SEED), CrackleError(), _REPLAY_WEIGHT, settings.batch_size)],
        compute=Compute("cpu"),
        progress=progress,
    )
    known = kept_pieces(_CHECK_SIZE, _CHECK_SEED)
    drift = measure_drift(before, network, _score(CrackleError(), known), _score(objective, held_out))
    if drift.target is not None and drift.target.after < drift.target.before:
        network.load_state_dict(before.state_dict())
        drift = measure_drift(before, network, _score(CrackleError(), known), _score(objective, held_out))
    save_crackle_network(
        place / "crackles",
        network,
        training={**settings.decisive(), "objective": "CrackleSparsity", "guard": "Replay", "started from": _started(start)},
        data=recordings.fingerprint(),
        metrics=_metrics(drift),
    )
    return CrackleAdaptation(network, before, history, drift, read)


def _score(objective: Objective, data: Data) -> Score:
    return lambda network: -evaluate(network, objective, data, 4)


def _started(start: str) -> str:
    return start if start == UNROLLED else "a trained model"


def _metrics(drift: DriftReport) -> dict[str, float]:
    metrics = {"simulated crackle error before, dB": -drift.source.before, "simulated crackle error, dB": -drift.source.after}
    if drift.target is not None:
        metrics |= {"objective on recordings held out before": -drift.target.before, "objective on them": -drift.target.after}
    return metrics
