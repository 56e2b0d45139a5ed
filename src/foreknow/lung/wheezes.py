"""Wheezes, rhonchi and stridor as events: lines followed through the spectrogram, harmonics told from further voices."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foreknow.lung.line_tracking import follow, peaks
from foreknow.lung.line_whitening import line_whitening
from foreknow.lung.lines import frames_of, level_across, line_strength
from foreknow.lung.path_mean import path_mean
from foreknow.lung.voice import voiced_frames
from foreknow.lung.wheeze_separation import ENVELOPE, QUANTILE
from foreknow.lung.wheeze_settings import WheezeSettings
from foreknow.operators import STFT

_HARMONIC = 0.05  # relative difference from a multiple, at most
_TOGETHER = 0.5  # share of the shorter of two lines in which both sound
_HIGHEST_ORDER = 8
_LEVEL_FLOOR_DB = 100.0

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Wheeze:
    """One voice of a continuous sound.

    Attributes:
        onset: seconds from the start of the recording.
        end: seconds.
        kind: ``wheeze``, ``rhonchus`` or ``stridor``.
        times: at which ``hertz`` holds, seconds.
        hertz: its fundamental frequency.
        harmonics: lines at multiples of it, the fundamental included.
        voices: how many unrelated fundamentals sound together with it, itself included; more than one is polyphonic.
        strength: mean of its line over the level of the breath sound around, root mean squares.
        level_db: RMS of the wheeze part over that of the breath part while it lasts, dB; all voices together.
    """

    onset: float
    end: float
    kind: str
    times: tuple[float, ...]
    hertz: tuple[float, ...]
    harmonics: int
    voices: int
    strength: float
    level_db: float

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.end - self.onset

    @property
    def fundamental(self) -> float:
        """Median fundamental frequency, hertz."""
        return float(np.median(self.hertz))


@dataclass(frozen=True)
class _Line:
    frames: Array
    hertz: Array
    strength: float


def find_wheezes(wheezes: Tensor, breath: Tensor, *, rate: float, settings: WheezeSettings) -> list[Wheeze]:
    """The wheezes of a recording without crackles, in order of onset.

    A line goes where the path-opened spectrogram (`line_strength`) is above ``settings.event_level``, followed from frame to frame
    (`follow`). Lines at multiples of another that sounds at the same time are its harmonics; those of a voice are none.

    Args:
        wheezes: the wheeze part, (n,).
        breath: the breath part, (n,).
        rate: of both, hertz.
        settings: see `WheezeSettings`.
    """
    signal = (wheezes + breath).to(torch.float64)
    hop = max(1, round(settings.frame * rate / 4))
    if signal.shape[-1] < 8 * hop or not bool(signal.any()):
        return []
    stft = STFT(4 * hop, hop, signal.shape[-1])
    # Lines are ratios of levels: single precision tells them as well, at half the time.
    lines = _lines((signal / signal.abs().amax()).to(torch.float32), stft, rate, settings)
    centres = stft.times(rate).numpy()
    powers = [torch.cat((torch.zeros(1), part.double().square().cumsum(0))).numpy(force=True) for part in (wheezes, breath)]
    half = 0.5 * hop / rate
    found = []
    for line, orders, voices in _group(lines, settings.band[1]):
        times = centres[line.frames.astype(int)]
        onset, end = max(0.0, float(times[0]) - half), min(signal.shape[-1] / rate, float(times[-1]) + half)
        first, last = round(onset * rate), max(round(onset * rate) + 1, round(end * rate))
        energy, around = (float(power[min(last, len(power) - 1)] - power[first]) for power in powers)
        track, level = (tuple(times.tolist()), tuple(line.hertz.tolist())), _decibel(energy, around)
        wheeze = Wheeze(onset, end, "wheeze", *track, orders, voices, line.strength, level)
        found.append(replace(wheeze, kind=kind_of(wheeze, settings)))
    return sorted(found, key=lambda wheeze: (wheeze.onset, wheeze.fundamental))


def kind_of(wheeze: Wheeze, settings: WheezeSettings, phase: str | None = None) -> str:
    """Rhonchus below a frequency; stridor if the phase is known to be inspiration and the sound is high and loud; else wheeze."""
    if wheeze.fundamental < settings.rhonchus_below:
        return "rhonchus"
    loud = wheeze.level_db >= settings.stridor_level_db and wheeze.fundamental >= settings.stridor_above
    return "stridor" if loud and phase == "inspiration" else "wheeze"


def wheeze_seconds(wheezes: Sequence[Wheeze]) -> float:
    """Seconds in which at least one voice sounds."""
    total, reached = 0.0, -np.inf
    for wheeze in sorted(wheezes, key=lambda one: one.onset):
        total += max(0.0, wheeze.end - max(wheeze.onset, reached))
        reached = max(reached, wheeze.end)
    return total


def wheeze_activity(signal: Tensor, *, rate: float, settings: WheezeSettings) -> tuple[Tensor, Tensor]:
    """How strong the strongest line is at a time: a score that does not depend on how long a span is, once averaged over it.

    It is the mean amplitude, over the level of the sound around, along the best path of ``settings.shortest`` through that time
    (`path_mean`). Where somebody speaks (`voiced_frames`) the lines are those of the voice: such times have the median score of the
    others. The signal is not whitened: the spectrum of a whole recording holds the lines of one that wheezes in every breath.

    Args:
        signal: a recording, or its part without crackles, (n,).
        rate: hertz.
        settings: see `WheezeSettings`.

    Returns:
        Logarithm of the strength and the times in seconds, (frames,) each.
    """
    hop = max(1, round(settings.frame * rate / 4))
    stft = STFT(4 * hop, hop, signal.shape[-1])
    hertz = stft.frequencies(rate)
    signal = signal.to(torch.float64)
    modulus = stft(signal).abs()[(hertz >= settings.band[0]) & (hertz <= settings.band[1])]
    length, bins = frames_of(stft, rate, settings)
    level = level_across(modulus, bins).clamp_min(torch.finfo(modulus.dtype).tiny)
    strength = path_mean(modulus / level, length).clamp_min(1e-3).log()
    voiced = voiced_frames(signal, stft, rate)
    if bool(voiced.any()):
        others = strength if bool(voiced.all()) else strength[~voiced]
        strength = torch.where(voiced, others.median(), strength)
    return strength, stft.times(rate)


def _lines(signal: Tensor, stft: STFT, rate: float, settings: WheezeSettings) -> list[_Line]:
    hertz = stft.frequencies(rate)
    band = (hertz >= settings.band[0]) & (hertz <= settings.highest)
    modulus = stft(line_whitening(signal, stft, ENVELOPE * rate, band, QUANTILE)(signal)).abs()
    length, bins = frames_of(stft, rate, settings)
    level = level_across(modulus, bins)
    smooth, strength = line_strength(modulus, level, length)
    strength = strength.masked_fill(voiced_frames(signal, stft, rate), -torch.inf)
    ratio = modulus / level.clamp_min(torch.finfo(level.dtype).tiny)
    strengths, smoothed, ratios = (values.double().numpy(force=True) for values in (strength, smooth, ratio))
    found = peaks(strengths, smoothed, ratios, settings.event_level, band.numpy())
    step = rate / stft.window.shape[0]
    return [
        _Line(np.asarray(line.frames, np.float64), step * np.asarray(line.places), float(np.mean(line.ratios)))
        for line in follow(*found, length)
    ]


def _group(lines: Sequence[_Line], highest: float) -> list[tuple[_Line, int, int]]:
    """Fundamentals up to a frequency, with the number of their harmonics and of the voices that sound with them."""
    waiting = sorted(lines, key=lambda line: float(np.median(line.hertz)))
    fundamentals: list[_Line] = []
    orders: list[int] = []
    for line in waiting:
        owner = next((place for place, low in enumerate(fundamentals) if _is_harmonic(line, low)), None)
        if owner is None and float(np.median(line.hertz)) <= highest:
            fundamentals.append(line)
            orders.append(1)
        elif owner is not None:
            orders[owner] += 1
    voices = [sum(_overlap(line, other) >= _TOGETHER for other in fundamentals) for line in fundamentals]
    return list(zip(fundamentals, orders, voices, strict=True))


def _overlap(first: _Line, second: _Line) -> float:
    shared = min(first.frames[-1], second.frames[-1]) - max(first.frames[0], second.frames[0]) + 1
    shorter = min(line.frames[-1] - line.frames[0] + 1 for line in (first, second))
    return float(max(0.0, shared) / shorter)


def _is_harmonic(line: _Line, low: _Line) -> bool:
    common, mine, its = np.intersect1d(line.frames, low.frames, return_indices=True)
    if len(common) < _TOGETHER * len(line.frames):
        return False
    multiple = float(np.median(line.hertz[mine] / low.hertz[its]))
    order = round(multiple)
    return 2 <= order <= _HIGHEST_ORDER and abs(multiple / order - 1) < _HARMONIC


def _decibel(energy: float, around: float) -> float:
    if energy <= 0:
        return -_LEVEL_FLOOR_DB
    return float(np.clip(10 * np.log10(energy / max(around, 1e-30)), -_LEVEL_FLOOR_DB, _LEVEL_FLOOR_DB))
