"""Crackles as events: where they are and what they look like."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foreknow.lung.neighbourhood import energy_nearby, smooth
from foreknow.lung.noise_level import local_level
from foreknow.lung.overlap_add import mirror
from foreknow.lung.settings import SeparationSettings
from foreknow.lung.shape import two_cycles
from foreknow.lung.whitening import Whitening
from foreknow.operators import STFT, StationaryWavelet

COARSE = 0.010  # seconds: a crackle whose two cycles last longer is coarse (CORSA, Sovijärvi et al. 2000)
_APART = 0.008  # seconds between crackles, at least
_SHADOW = 0.030  # seconds around a loud crackle in which ...
_SHADOW_LEVEL = 0.1  # ... a peak of less than this share of it is taken for its ringing
_REACH = 0.004  # seconds between a peak of the energy and the largest deflection that belongs to it, at most
_CUT = 0.010  # seconds at the ends of a signal where a crackle cannot be told from the end itself
_MARGIN = 0.25  # seconds of mirror image at both ends while energies are computed
_LEVEL_WIDTH = 0.1  # seconds, standard deviation of the window in which the level of the breath sound is measured


@dataclass(frozen=True)
class Crackle:
    """One crackle.

    Attributes:
        onset: start of the initial deflection, seconds from the start of the recording.
        peak: time of the largest deflection, seconds.
        initial_deflection_width: IDW, seconds.
        two_cycle_duration: 2CD, seconds.
        largest_deflection_width: LDW, seconds.
        kind: "fine" or "coarse".
        polarity: +1 or -1, the sign of the initial deflection.
        amplitude: largest absolute deflection, in the unit of the recording (full scale = 1).
        energy: sum of squares over the crackle divided by the rate (unit squared times seconds).
        level_db: largest deflection over the local RMS of the breath sound, dB.
    """

    onset: float
    peak: float
    initial_deflection_width: float
    two_cycle_duration: float
    largest_deflection_width: float
    kind: str
    polarity: int
    amplitude: float
    energy: float
    level_db: float


def find_crackles(crackles: Tensor, breath: Tensor, *, rate: float, settings: SeparationSettings) -> list[Crackle]:
    """The crackles in a crackle part, in order of time.

    A crackle is where the energy of the crackle part, over that of the breath sound in every wavelet band, has a peak above
    ``settings.event_threshold`` squared. Its time is that of the largest deflection next to this peak. The first and last 10 ms
    are not searched: where a recording starts or ends, there is a click whatever was recorded.

    Args:
        crackles: the crackle part, (n,).
        breath: the breath part, (n,).
        rate: of both, hertz.
        settings: see `SeparationSettings`.
    """
    samples = crackles.numpy(force=True).astype(np.float64)
    if not samples.any():
        return []
    prominence = np.sqrt(_prominence(crackles.double(), (crackles + breath).double(), rate, settings))
    is_peak = prominence > settings.event_threshold
    cut = round(_CUT * rate)
    is_peak[:cut] = is_peak[max(0, len(samples) - cut) :] = False
    is_peak &= prominence >= _sliding_maximum(prominence, round(_APART * rate))
    is_peak &= prominence > _SHADOW_LEVEL * _sliding_maximum(prominence, round(_SHADOW * rate))
    level = smooth(breath.double().square(), _LEVEL_WIDTH * rate).sqrt().numpy(force=True)
    events: list[Crackle] = []
    reach, last = max(1, round(_REACH * rate)), -1
    for index in np.flatnonzero(is_peak).tolist():
        start = max(0, index - reach)
        peak = start + int(np.argmax(np.abs(samples[start : index + reach + 1])))
        if peak == last or samples[peak] == 0.0:
            continue
        last = peak
        event = _describe(samples, peak, rate, float(level[peak]))
        if settings.minimum_level_db is None or event.level_db >= settings.minimum_level_db:
            events.append(event)
    return sorted(events, key=lambda event: event.peak)


def _prominence(crackles: Tensor, recording: Tensor, rate: float, settings: SeparationSettings) -> NDArray[np.float64]:
    """Energy of the crackle part over the level of the recording, (n,); see `energy_nearby`."""
    count, pad = crackles.shape[-1], round(_MARGIN * rate)
    crackles, recording = mirror(crackles, pad, pad), mirror(recording, pad, pad)  # the filters are circular: no click at the ends
    n = crackles.shape[-1]
    hop = max(1, round(settings.breath_window * rate / 4))
    whitening = Whitening(recording, STFT(4 * hop, hop, n), round(settings.level_span * rate))
    wavelet = StationaryWavelet(settings.wavelet, settings.levels, n)
    level = local_level(wavelet(whitening(recording)), round(settings.level_span * rate))
    energy = energy_nearby(wavelet(whitening(crackles)), level, rate, settings.event_width)
    return energy[pad : pad + count].numpy(force=True)


def _sliding_maximum(x: NDArray[np.float64], half: int) -> NDArray[np.float64]:
    half = max(1, half)
    pooled = torch.nn.functional.max_pool1d(torch.from_numpy(x)[None, None], 2 * half + 1, stride=1, padding=half)
    return np.asarray(pooled[0, 0])


def _describe(samples: NDArray[np.float64], peak: int, rate: float, level: float) -> Crackle:
    shape = two_cycles(samples, peak)
    inside = samples[max(0, int(shape.start)) : int(np.ceil(shape.end)) + 1]
    amplitude = float(abs(samples[peak]))
    duration = (shape.end - shape.start) / rate
    floor = max(level, 1e-5 * amplitude)  # 100 dB is as good as no breath sound
    return Crackle(
        onset=max(0.0, shape.start / rate),
        peak=peak / rate,
        initial_deflection_width=shape.initial_width / rate,
        two_cycle_duration=duration,
        largest_deflection_width=shape.largest_width / rate,
        kind="coarse" if duration > COARSE else "fine",
        polarity=shape.polarity,
        amplitude=amplitude,
        energy=float(np.sum(inside**2)) / rate,
        level_db=20 * float(np.log10(amplitude / floor)),
    )
