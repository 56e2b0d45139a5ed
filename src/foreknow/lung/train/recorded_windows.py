"""Windows of a user's own recordings to learn from: at the working rate, whitened, without those that are too poor."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from foreknow.errors import DataError, InputFileError
from foreknow.files import InputFile, SignalMeter, display_name, read_audio
from foreknow.lung.quality import LungMeter
from foreknow.lung.whitening import Whitening
from foreknow.operators import STFT

_EVERY = 5  # of so many recordings one is for validation
_LEAST = 3  # windows


@dataclass(frozen=True)
class RecordedWindows:
    """Windows of recordings.

    Attributes:
        training: whitened, (windows, length), float32.
        validation: of other recordings where there are several, (windows, length).
        used: how many recordings gave windows.
        left_out: name of a recording and why none of its windows is used.
    """

    training: Tensor = field(repr=False)
    validation: Tensor = field(repr=False)
    used: int = 0
    left_out: tuple[tuple[str, str], ...] = ()


def read_windows(
    files: Sequence[InputFile],
    *,
    length: int = 16384,
    rate: int = 4000,
    at_most: int = 240,
    level_span: float = 0.25,
    stft_window: int = 256,
    stft_hop: int = 64,
    progress: Callable[[int], None] | None = None,
) -> RecordedWindows:
    """Cut recordings into windows that do not overlap, whiten them, and keep at most so many, spread evenly over all.

    Args:
        files: recordings of any rate.
        length: samples of a window.
        rate: working rate, hertz; recordings of a lower rate are left out.
        at_most: windows in all.
        level_span: of the level by which windows are whitened, seconds.
        stft_window: of the spectrum by which they are whitened, samples.
        stft_hop: its hop.
        progress: told how many recordings are read.

    Raises:
        DataError: if there are too few windows to learn from.
    """
    groups: list[Tensor] = []
    left_out: list[tuple[str, str]] = []
    most = max(1, -(-3 * at_most // max(1, len(files))))
    for count, file in enumerate(files, start=1):
        try:
            groups.append(_windows(file, length, rate, most))
        except (InputFileError, DataError) as error:
            name = display_name(file.path.name)  # without the folders that lead to it, whose names may identify a person
            left_out.append((file.name, str(error).replace(display_name(file.path), name)))
        if progress is not None:
            progress(count)
    total = sum(len(group) for group in groups)
    if total < _LEAST:
        why = f"; {left_out[0][1]}" if left_out else ""
        message = (
            f"{len(groups)} usable recordings hold {total} windows of {length / rate:.1f} s, but at least {_LEAST} are needed: "
            f"give more or longer recordings{why}"
        )
        raise DataError(message)
    held = range(_EVERY - 1, len(groups), _EVERY) if len(groups) >= _EVERY else ()
    if held:
        kept = [torch.cat([group for index, group in enumerate(groups) if (index in held) == side]) for side in (False, True)]
    else:
        joined = torch.cat(groups)
        apart = max(1, len(joined) // _EVERY)
        kept = [joined[:-apart], joined[-apart:]]
    training, validation = _spread(kept[0], at_most), _spread(kept[1], max(8, at_most // _EVERY))
    stft = STFT(stft_window, stft_hop, length)
    with torch.no_grad():
        white = [
            torch.cat([_whiten(piece, stft, round(level_span * rate)) for piece in part.split(8)])
            for part in (training, validation)
        ]
    return RecordedWindows(white[0], white[1], len(groups), tuple(left_out))


def _windows(file: InputFile, length: int, rate: int, most: int) -> Tensor:
    """Windows of one recording, (windows, length); one of half a window or more gives one, continued by its mirror image."""
    recording = read_audio(file.path, rate=rate)
    name = display_name(file.path)
    if recording.info.rate < rate:
        message = f"{name} has {recording.info.rate} Hz, but {rate} Hz or more are needed to learn from it"
        raise InputFileError(message)
    samples = recording.samples.float()
    meter, quality = LungMeter(rate), SignalMeter(rate)
    quality.update(samples)
    meter.update(samples)
    verdict = meter.result(quality.result())
    if verdict.is_poor:
        message = f"{name} is too poor to learn from: {' and '.join(verdict.reasons)}"
        raise DataError(message)
    if samples.shape[0] < length:
        if 2 * samples.shape[0] < length:
            message = f"{name} lasts {samples.shape[0] / rate:.1f} s, but {length / rate / 2:.1f} s are needed to learn from it"
            raise DataError(message)
        samples = torch.cat((samples, samples.flip(0)))[:length]
    return _spread(samples[: samples.shape[0] // length * length].reshape(-1, length), most)


def _spread(windows: Tensor, most: int) -> Tensor:
    """At most so many of them, evenly spread."""
    if len(windows) <= most:
        return windows
    return windows[torch.linspace(0, len(windows) - 1, most).round().long()]


def _whiten(windows: Tensor, stft: STFT, span: int) -> Tensor:
    peak = windows.abs().amax(dim=-1, keepdim=True)
    scaled = windows / torch.where(peak > 0, peak, torch.ones_like(peak))
    return Whitening(scaled, stft, span)(scaled)
