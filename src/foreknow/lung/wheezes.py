"""Wheezes, rhonchi and stridor as events: lines followed through the spectrogram, harmonics told from further voices."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foreknow.lung.lines import frames_of, level_across, line_strength
from foreknow.lung.wheeze_settings import WheezeSettings
from foreknow.lung.whitening import Whitening
from foreknow.operators import STFT

_ENVELOPE, _QUANTILE = 1.0, 0.25  # as in `WheezeSeparator`
_HARMONIC = 0.05  # relative difference from a multiple, at most
_GAP = 4  # frames that may be missing in a line ...
_JUMP = 0.1  # ... over which its frequency changes by this share at most
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

    A line is where the path-opened spectrogram (`line_strength`) is above ``settings.event_level``, its ridge followed from frame
    to frame. Lines at multiples of another that sounds at the same time are its harmonics.

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
    lines = _lines(signal, stft, rate, settings)
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

    The signal is not whitened: the spectrum of a whole recording holds the lines of one that wheezes in every breath.

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
    modulus = stft(signal.to(torch.float64)).abs()[(hertz >= settings.band[0]) & (hertz <= settings.band[1])]
    length, bins = frames_of(stft, rate, settings)
    _, strength = line_strength(modulus, level_across(modulus, bins), length)
    return strength.amax(0).clamp_min(1e-3).log(), stft.times(rate)


def _strength(signal: Tensor, stft: STFT, rate: float, settings: WheezeSettings) -> tuple[Tensor, Tensor, Tensor]:
    """Modulus over the level, its path opening, (bins, frames) each, and which bins are in the band."""
    whitening = Whitening(signal, stft, round(_ENVELOPE * rate), quantile=_QUANTILE)
    modulus = stft(whitening(signal)).abs()
    length, bins = frames_of(stft, rate, settings)
    level = level_across(modulus, bins)
    _, strength = line_strength(modulus, level, length)
    hertz = stft.frequencies(rate)
    return modulus / level.clamp_min(1e-30), strength, (hertz >= settings.band[0]) & (hertz <= settings.highest)


def _lines(signal: Tensor, stft: STFT, rate: float, settings: WheezeSettings) -> list[_Line]:
    from scipy.ndimage import label  # noqa: PLC0415

    ratio, strength, band = (part.numpy(force=True) for part in _strength(signal, stft, rate, settings))
    usual = np.pad(strength, ((1, 1), (0, 0)), constant_values=-np.inf)
    ridge = (strength > settings.event_level) & (strength >= usual[:-2]) & (strength >= usual[2:]) & band[:, None]
    wide = ridge.copy()
    wide[1:] |= ridge[:-1]
    wide[:-1] |= ridge[1:]
    names, count = label(wide, structure=np.ones((3, 3)))
    names = np.where(ridge, names, 0)
    places = np.nonzero(names)
    order = np.argsort(names[places], kind="stable")
    bins, frames = places[0][order], places[1][order]
    edges = np.searchsorted(names[places][order], np.arange(1, count + 2))
    step = rate / stft.window.shape[0]
    pieces = [_follow(ratio, bins[first:last], frames[first:last], step) for first, last in pairwise(edges)]
    lines = _join([piece for piece in pieces if piece is not None])
    return [line for line in lines if line.frames[-1] - line.frames[0] + 1 >= settings.shortest * rate / stft.hop]


def _join(pieces: Sequence[_Line]) -> list[_Line]:
    """Pieces that go on where another ended are one line."""
    lines: list[_Line] = []
    for piece in sorted(pieces, key=lambda line: line.frames[0]):
        place = next((k for k, line in enumerate(lines) if _goes_on(line, piece)), None)
        if place is None:
            lines.append(piece)
            continue
        line = lines[place]
        counts = len(line.frames), len(piece.frames)
        strength = (counts[0] * line.strength + counts[1] * piece.strength) / sum(counts)
        lines[place] = _Line(np.r_[line.frames, piece.frames], np.r_[line.hertz, piece.hertz], strength)
    return lines


def _goes_on(line: _Line, piece: _Line) -> bool:
    gap = piece.frames[0] - line.frames[-1]
    return bool(0 < gap <= _GAP and abs(piece.hertz[0] / line.hertz[-1] - 1) < _JUMP)


def _follow(ratio: Array, bins: NDArray[np.int64], frames: NDArray[np.int64], step: float) -> _Line | None:
    """One frequency a frame, the strongest of the line there, between bins by a parabola through the logarithms."""
    if not len(bins):
        return None
    order = np.lexsort((-ratio[bins, frames], frames))
    keep = order[np.r_[True, np.diff(frames[order]) > 0]]
    at, when = bins[keep], frames[keep]
    inside = np.clip(at, 1, ratio.shape[0] - 2)
    low, mid, high = (np.log(np.maximum(ratio[inside + shift, when], 1e-12)) for shift in (-1, 0, 1))
    bend = low - 2 * mid + high
    shift = np.where(bend < 0, np.clip(0.5 * (low - high) / np.where(bend < 0, bend, -1.0), -1, 1), 0.0)
    return _Line(when.astype(np.float64), np.asarray((inside + shift) * step, np.float64), float(ratio[at, when].mean()))


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
