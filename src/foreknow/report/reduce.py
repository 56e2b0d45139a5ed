"""Long sound reduced to what a picture can show: the range of a waveform per column, the mean power of a spectrogram per column."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_CHUNK = 4096
_MOST_WINDOWS_PER_COLUMN = 8


def waveform_range(samples: Tensor, columns: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Smallest and largest sample of each of ``columns`` stretches of equal length.

    Args:
        samples: (samples,), at least one.
        columns: how many stretches at most.

    Returns:
        ``(centres, low, high)``, each (columns,) or fewer; centres in samples. No peak is lost.
    """
    count = samples.shape[0]
    length = -(-count // max(1, min(columns, count)))
    signal = samples.detach().cpu().to(torch.float64)
    padding = -count % length
    padded = torch.cat((signal, signal[-1:].expand(padding))).reshape(-1, length)
    centres = (torch.arange(padded.shape[0], dtype=torch.float64) + 0.5) * length - 0.5
    return centres.clamp(max=count - 1).numpy(), padded.amin(1).numpy(), padded.amax(1).numpy()


@dataclass(frozen=True)
class Spectrogram:
    """Power over time and frequency.

    Attributes:
        power: (frequencies, columns), full-scale sine = 0.5 in its bin.
        seconds: the times between which a picture of it lies, (start, end).
        hertz: the frequencies between which it lies, (low, high).
    """

    power: NDArray[np.float64]
    seconds: tuple[float, float]
    hertz: tuple[float, float]


def spectrogram(samples: Tensor, rate: int, columns: int, window_seconds: float = 0.032) -> Spectrogram:
    """The mean power of Hann windows per column; of a long sound, up to 8 windows spread over each column are taken.

    Args:
        samples: (samples,), at least one.
        rate: hertz.
        columns: how many at most.
        window_seconds: length of a window; a quarter of it lies between windows of a short sound.
    """
    signal = samples.detach().cpu().to(torch.float32)
    size = max(8, 2 ** round(np.log2(window_seconds * rate)))
    signal = torch.nn.functional.pad(signal, (size // 2, size // 2 + max(0, size - signal.shape[0])))
    places = signal.shape[0] - size + 1
    wanted = min(-(-places // (size // 4)), columns * _MOST_WINDOWS_PER_COLUMN)
    starts = torch.linspace(0, places - 1, wanted, dtype=torch.float64).long()
    columns = min(columns, wanted)
    column = (torch.arange(wanted) * columns) // wanted
    window = torch.hann_window(size, periodic=True)
    frames = signal.unfold(0, size, 1)
    power = torch.zeros(columns, size // 2 + 1)
    for chunk in range(0, wanted, _CHUNK):
        part = slice(chunk, chunk + _CHUNK)
        power.index_add_(0, column[part], torch.fft.rfft(frames[starts[part]] * window).abs().square() * (2 / window.sum() ** 2))
    power /= torch.bincount(column, minlength=columns)[:, None]
    half_bin = rate / size / 2
    return Spectrogram(power.T.to(torch.float64).numpy(), (0.0, samples.shape[0] / rate), (-half_bin, rate / 2 + half_bin))
