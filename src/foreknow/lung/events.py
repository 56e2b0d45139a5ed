"""Crackles as events: where they are and what they look like."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foreknow.lung.form_fit import FittedForm, fit_forms
from foreknow.lung.neighbourhood import energy_nearby, smooth
from foreknow.lung.noise_level import level_close_by, local_level
from foreknow.lung.overlap_add import mirror
from foreknow.lung.settings import SeparationSettings
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
    look = _look(crackles, breath, rate, settings)
    is_peak = look.peaks(settings.event_threshold)
    is_peak &= look.prominence > _SHADOW_LEVEL * _sliding_maximum(look.prominence, round(_SHADOW * rate))
    reach = max(1, round(_REACH * rate))
    peaks: list[int] = []
    for index in np.flatnonzero(is_peak).tolist():
        start = max(0, index - reach)
        peak = start + int(np.argmax(np.abs(samples[start : index + reach + 1])))
        if peak not in peaks[-1:] and samples[peak] != 0.0:
            peaks.append(peak)
    level = smooth(breath.double().square(), _LEVEL_WIDTH * rate).sqrt().numpy(force=True)
    forms = fit_forms(look.recording, look.spectrum, [peak + look.pad for peak in peaks], rate)
    found = [
        _describe(samples, peak, form, rate, look.pad / rate, float(level[peak])) for peak, form in zip(peaks, forms, strict=True)
    ]
    least = settings.minimum_level_db
    return sorted((event for event in found if least is None or event.level_db >= least), key=lambda event: event.peak)


def burst_times(crackles: Tensor, breath: Tensor, *, rate: float, settings: SeparationSettings) -> Tensor:
    """Times in seconds of everything that stands out of a crackle part, however faint: a finer score than the crackles counted.

    Their number per second tells breaths with crackles from those without; single ones among them are often no crackles.

    Args:
        crackles: the crackle part, (n,).
        breath: the breath part, (n,).
        rate: of both, hertz.
        settings: see `SeparationSettings`; ``burst_threshold`` says how faint.
    """
    if not bool(crackles.any()):
        return torch.zeros(0, dtype=torch.float64)
    look = _look(crackles, breath, rate, settings)
    return torch.from_numpy(np.flatnonzero(look.peaks(settings.burst_threshold))) / rate


@dataclass(frozen=True)
class _Look:
    """How far a crackle part stands out, (n,), and the recording, continued by its mirror image, with its breath spectrum."""

    prominence: NDArray[np.float64]
    recording: Tensor
    spectrum: Tensor
    pad: int
    rate: float

    def peaks(self, threshold: float) -> NDArray[np.bool_]:
        """Where the prominence is above a threshold and largest within 8 ms, not at the ends, (n,)."""
        prominence = self.prominence
        is_peak = prominence > threshold
        cut = round(_CUT * self.rate)
        is_peak[:cut] = is_peak[max(0, len(prominence) - cut) :] = False
        return is_peak & (prominence >= _sliding_maximum(prominence, round(_APART * self.rate)))


def _look(crackles: Tensor, breath: Tensor, rate: float, settings: SeparationSettings) -> _Look:
    """The prominence is the root of the energy of the crackle part over the level of the recording; see `energy_nearby`."""
    count, pad = crackles.shape[-1], round(_MARGIN * rate)
    crackles, recording = crackles.double().cpu(), (crackles + breath).double().cpu()
    crackles, recording = mirror(crackles, pad, pad), mirror(recording, pad, pad)  # the filters are circular: no click at the ends
    n = crackles.shape[-1]
    hop = max(1, round(settings.breath_window * rate / 4))
    whitening = Whitening(recording, STFT(4 * hop, hop, n), round(settings.level_span * rate))
    wavelet = StationaryWavelet(settings.wavelet, settings.levels, n)
    details = wavelet(whitening(recording))
    level = level_close_by(details, local_level(details, round(settings.level_span * rate)), rate)
    energy = energy_nearby(wavelet(whitening(crackles)), level, rate, settings.event_width)
    prominence = np.sqrt(energy[pad : pad + count].numpy(force=True))
    return _Look(prominence, recording, whitening.spectrum, pad, rate)


def _sliding_maximum(x: NDArray[np.float64], half: int) -> NDArray[np.float64]:
    half = max(1, half)
    pooled = torch.nn.functional.max_pool1d(torch.from_numpy(x)[None, None], 2 * half + 1, stride=1, padding=half)
    return np.asarray(pooled[0, 0])


def _describe(samples: NDArray[np.float64], peak: int, form: FittedForm, rate: float, earlier: float, level: float) -> Crackle:
    onset, duration = form.onset - earlier, form.two_cycle_duration
    inside = samples[max(0, int(onset * rate)) : int(np.ceil((onset + duration) * rate)) + 1]
    amplitude = float(abs(samples[peak]))
    floor = max(level, 1e-5 * amplitude)  # 100 dB is as good as no breath sound
    return Crackle(
        onset=max(0.0, onset),
        peak=peak / rate,
        initial_deflection_width=form.initial_deflection_width,
        two_cycle_duration=duration,
        largest_deflection_width=form.largest_deflection_width,
        kind="coarse" if duration > COARSE else "fine",
        polarity=form.polarity,
        amplitude=amplitude,
        energy=float(np.sum(inside**2)) / rate,
        level_db=20 * float(np.log10(amplitude / floor)),
    )
