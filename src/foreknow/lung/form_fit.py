"""Widths of a crackle: those of the form of Kiyokawa that fits the recording best, measured against its breath sound."""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from foreknow.lung.crackle_form import crackle_form, largest_deflection

_DURATIONS = (0.0028, 0.022, 30)  # seconds: 2CD of the shortest and the longest form, and how many
_RATIOS = (0.085, 0.215, 8)  # IDW / 2CD likewise
_PHASES = 2  # starts between samples
_SIZE = 0.064  # seconds of recording looked at around a crackle
_REACH = 0.003  # seconds by which the form's largest deflection may lie from that of the crackle part
_BATCH = 64


@dataclass(frozen=True, slots=True)
class FittedForm:
    """The form that fits a crackle best.

    Attributes:
        onset: start of its initial deflection, seconds.
        initial_deflection_width: IDW, seconds.
        two_cycle_duration: 2CD, seconds.
        largest_deflection_width: LDW, seconds.
        polarity: sign of its initial deflection, +1 or -1.
    """

    onset: float
    initial_deflection_width: float
    two_cycle_duration: float
    largest_deflection_width: float
    polarity: int


def fit_forms(recording: Tensor, spectrum: Tensor, peaks: list[int], rate: float) -> list[FittedForm]:
    r"""Fit `crackle_form` to crackles in a recording by least squares in its own breath sound.

    For every 2CD, IDW and start of a grid, the amplitude is eliminated: what is left over is least where
    \|<S^-2 y, t>\| / \|S^-1 t\| is greatest (a matched filter in coloured noise, S being the spectrum of the breath sound). Between
    the points of the grid, parabolas.

    Args:
        recording: (n,), float64; long enough that its breath sound has a spectrum.
        spectrum: S, at the frequencies of ``torch.fft.rfft(recording)``, positive.
        peaks: index of the largest deflection of each crackle.
        rate: hertz.
    """
    if not peaks:
        return []
    twice = torch.fft.irfft(torch.fft.rfft(recording) / spectrum.square(), recording.shape[-1])
    size = 2 ** round(torch.log2(torch.tensor(_SIZE * rate)).item())
    padded = torch.nn.functional.pad(twice, (size, size))
    forms, offsets = _forms(size, rate)
    coarse = torch.nn.functional.interpolate(spectrum[None, None], size // 2 + 1, mode="linear", align_corners=True)[0, 0]
    transformed = torch.fft.rfft(forms)
    weight = torch.full_like(coarse, 2.0)
    weight[0] = weight[-1] = 1.0
    norms = ((transformed.abs() / coarse).square() * weight).sum(-1).div(size).sqrt()
    fitted: list[FittedForm] = []
    for start in range(0, len(peaks), _BATCH):
        group = torch.tensor(peaks[start : start + _BATCH])
        pieces = padded[(group + size // 2)[:, None] + torch.arange(size)]  # the peak is in the middle
        fitted += [
            _best(torch.fft.irfft(torch.fft.rfft(piece) * transformed.conj(), size) / norms[..., None], offsets, int(peak), rate)
            for piece, peak in zip(pieces, group, strict=True)
        ]
    return fitted


@cache
def _grid() -> tuple[Tensor, Tensor]:
    """2CD, seconds, and IDW / 2CD."""
    shortest, longest, count = _DURATIONS
    low, high, ratios = _RATIOS
    logarithms = torch.linspace(0, 1, count, dtype=torch.float64)
    return shortest * (longest / shortest) ** logarithms, low * (high / low) ** torch.linspace(0, 1, ratios, dtype=torch.float64)


@cache
def _forms(size: int, rate: float) -> tuple[Tensor, Tensor]:
    """Forms (durations, ratios, phases, size) from sample 0 or a fraction after, and the samples to their largest deflection."""
    durations, ratios = _grid()
    duration = durations[:, None].expand(-1, len(ratios)).reshape(-1)
    width = (durations[:, None] * ratios).reshape(-1)
    phase = torch.arange(_PHASES, dtype=torch.float64) / _PHASES
    time = (torch.arange(size, dtype=torch.float64) - phase[:, None]) / rate
    form = crackle_form(time, width[:, None, None], duration[:, None, None])
    peak, _, _ = largest_deflection(width, duration)
    shape = (len(durations), len(ratios), _PHASES)
    return form.reshape(*shape, size), (peak[:, None] * rate + phase).reshape(shape)


def _best(score: Tensor, offsets: Tensor, peak: int, rate: float) -> FittedForm:
    """The form of the greatest score (durations, ratios, phases, size), its starts counted from half a size before the peak."""
    size, reach = score.shape[-1], _REACH * rate
    places = torch.arange(size, dtype=torch.float64) + offsets[..., None] - size // 2  # of the form's largest deflection
    allowed = torch.where(places.abs() <= reach, score.abs(), 0.0)
    index = int(allowed.argmax())
    a, b, c, d = (int(value) for value in torch.unravel_index(torch.tensor(index), score.shape))
    durations, ratios = _grid()
    over = allowed.amax(dim=(-1, -2))
    duration = durations[a] * (durations[1] / durations[0]) ** _vertex(over[:, b], a)
    ratio = ratios[b] * (ratios[1] / ratios[0]) ** _vertex(over[a], b)
    width = duration * ratio
    _, _, largest = largest_deflection(width[None], duration[None])
    onset = (peak + d - size // 2 + c / _PHASES) / rate
    sign = 1 if float(score[a, b, c, d]) > 0 else -1
    return FittedForm(onset, float(width), float(duration), float(largest[0]), sign)


def _vertex(values: Tensor, index: int) -> float:
    """Where the parabola through a value and its neighbours is greatest, in steps from it, -0.5 to 0.5; 0 at the ends."""
    if not 0 < index < len(values) - 1:
        return 0.0
    left, here, right = (float(value) for value in values[index - 1 : index + 2])
    bend = left - 2 * here + right
    return max(-0.5, min(0.5, 0.5 * (left - right) / bend)) if bend < 0 else 0.0
