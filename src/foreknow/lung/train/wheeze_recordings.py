"""Windows of a user's own recordings for the wheeze network: at its rate, without crackles, without what is too poor."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from foreknow.errors import DataError, InputFileError
from foreknow.files import InputFile, SignalMeter, display_name, read_audio
from foreknow.lung.quality import LungMeter
from foreknow.lung.recording import separate
from foreknow.lung.settings import SeparationSettings
from foreknow.lung.train.wheeze_windows import SECONDS


def breath_windows(
    files: Sequence[InputFile],
    *,
    rate: int = 4000,
    at_most: int = 160,
    settings: SeparationSettings | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[list[Tensor], list[tuple[str, str]]]:
    """Cut recordings, their crackles taken out, into windows that do not overlap; at most so many, spread evenly over all.

    Args:
        files: recordings of any rate from that of the network on.
        rate: of the network, hertz.
        at_most: windows.
        settings: how crackles are taken out.
        progress: told how many recordings are read.

    Returns:
        The windows, (n,) each, and the names of recordings that gave none, with why.
    """
    windows: list[Tensor] = []
    left_out: list[tuple[str, str]] = []
    chosen = settings or SeparationSettings()
    for count, file in enumerate(files, start=1):
        try:
            windows += _windows(file, rate, chosen)
        except (InputFileError, DataError) as error:
            left_out.append((file.name, str(error)))
        if progress is not None:
            progress(count)
    if len(windows) > at_most:
        windows = [windows[place] for place in torch.linspace(0, len(windows) - 1, at_most).round().long().tolist()]
    return windows, left_out


def _windows(file: InputFile, rate: int, settings: SeparationSettings) -> list[Tensor]:
    name = display_name(file.path)
    recording = read_audio(file.path, rate=rate)
    length = round(SECONDS * rate)
    if recording.info.rate < rate or recording.samples.shape[0] < length:
        message = f"{name} needs {rate} Hz and {SECONDS:.1f} s or more to be learned from"
        raise InputFileError(message)
    meter, signal = LungMeter(rate), SignalMeter(rate)
    signal.update(recording.samples)
    meter.update(recording.samples)
    verdict = meter.result(signal.result())
    if verdict.is_poor:
        message = f"{name} is too poor to learn from: {' and '.join(verdict.reasons)}"
        raise DataError(message)
    rest = recording.samples - separate(recording.samples, rate, settings).crackles
    return list(rest[: rest.shape[0] // length * length].reshape(-1, length))
