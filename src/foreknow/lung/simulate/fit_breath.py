"""A real breath sound as settings of the simulator: spectrum, loudness, rate and phases measured on a recording."""

from dataclasses import dataclass
from itertools import pairwise
from math import ceil, log
from statistics import median, pstdev

import torch
from torch import Tensor

from foreknow.errors import DataError
from foreknow.lung.simulate.breath import BreathSettings, RespiratoryPhase
from foreknow.lung.simulate.fit_cycle import fit_cycles
from foreknow.lung.simulate.fit_spectrum import SpectrumFit, fit_spectrum

_SPECTRUM_SECONDS, _FRAME_SECONDS = 0.128, 0.05
_BAND, _HIGH_BAND = (100.0, 1000.0), (300.0, 1000.0)
_SHORTEST_BREATH, _LONGEST_BREATH = 0.9, 6.5
_LEAST_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class BreathFit:
    """What was measured on a recording.

    Attributes:
        cycle: median duration of a breath, seconds.
        cycle_spread: standard deviation of its logarithm.
        inspiration: share of the cycle.
        expiration: share of the cycle.
        expiration_level_db: RMS of expiration relative to inspiration.
        background_db: RMS of what sounds all the time relative to inspiration.
        level_dbfs: RMS of inspiration, dB of full scale.
        level_spread_db: standard deviation of the level from breath to breath.
        inspiration_spectrum: lines fitted to the spectrum of inspiration.
        expiration_spectrum: the same for expiration.
        phases: of breathing as they were found.
        residual_db: standard deviation of the loudness in frames of 50 ms about the model.
    """

    cycle: float
    cycle_spread: float
    inspiration: float
    expiration: float
    expiration_level_db: float
    background_db: float
    level_dbfs: float
    level_spread_db: float
    inspiration_spectrum: SpectrumFit
    expiration_spectrum: SpectrumFit
    phases: tuple[RespiratoryPhase, ...]
    residual_db: float

    @property
    def breaths_per_minute(self) -> float:
        """Rate of breathing."""
        return 60.0 / self.cycle

    @property
    def inspiration_to_expiration(self) -> float:
        """Duration of inspiration over that of expiration."""
        return self.inspiration / self.expiration

    def settings(self) -> BreathSettings:
        """The simulator's breath that is like this."""
        return BreathSettings(
            cycle=self.cycle,
            cycle_spread=self.cycle_spread,
            inspiration=self.inspiration,
            expiration=self.expiration,
            expiration_level_db=self.expiration_level_db,
            level_spread_db=self.level_spread_db,
            background_db=self.background_db,
            level_dbfs=self.level_dbfs,
            inspiration_spectrum=self.inspiration_spectrum.points,
            expiration_spectrum=self.expiration_spectrum.points,
        )


def fit_breath(samples: Tensor, rate: int) -> BreathFit:
    """Measure a breath sound.

    The loudness between 100 and 1000 Hz in frames of 50 ms is modelled as breaths of one form and free length and level
    (`fit_cycles`); spectra are medians over the frames of each phase, so that crackles and clicks do not count.

    Args:
        samples: (samples,) real, full scale 1.
        rate: hertz, 2000 or more.

    Raises:
        DataError: if the recording is shorter than 4 s, silent, or sampled below 2000 Hz.
    """
    seconds = samples.shape[-1] / rate
    if samples.ndim != 1 or seconds < _LEAST_SECONDS or rate < 2000:
        needed = f"one channel of {_LEAST_SECONDS:g} s or more at 2000 Hz or more"
        message = f"breathing is measured on {needed}, not on {seconds:.2f} s at {rate} Hz"
        raise DataError(message)
    samples = samples.detach().cpu().to(torch.float64)
    samples = samples - samples.mean()
    hop = round(_FRAME_SECONDS * rate)
    power, hertz = _frames(samples, rate, 2 * hop, hop)
    inside = (hertz >= _BAND[0]) & (hertz <= _BAND[1])
    high = (hertz >= _HIGH_BAND[0]) & (hertz <= _HIGH_BAND[1])
    band, upper = power[:, inside].sum(1), power[:, high].sum(1)
    if float(band.median()) <= 1e-24:
        message = "the recording is silent where breath sounds are; record again"
        raise DataError(message)
    level = _without_clicks(10 * torch.log10(band.clamp(min=float(band.median()) * 1e-6)))
    balance = _without_clicks(10 * torch.log10(upper.clamp(min=1e-30) / (band - upper).clamp(min=1e-30)))
    fit = fit_cycles(level, balance, ceil(_SHORTEST_BREATH / _FRAME_SECONDS), ceil(_LONGEST_BREATH / _FRAME_SECONDS))
    times = [(start + 0.5) * _FRAME_SECONDS for start in fit.starts]
    lengths = [last - first for first, last in pairwise(times)]
    phases = _phases(times, fit.form.inspiration, fit.form.expiration, seconds)
    loud = 10 ** (median(fit.gains) / 10)  # power in the band of inspiration
    whole, fine = _frames(samples, rate, round(_SPECTRUM_SECONDS * rate), round(_SPECTRUM_SECONDS * rate / 4))
    spectra = [fit_spectrum(fine, _median_spectrum(whole, rate, phases, kind)) for kind in ("inspiration", "expiration")]
    inspired = _median_spectrum(whole, rate, phases, "inspiration")
    share = float(inspired[(fine >= _BAND[0]) & (fine <= _BAND[1])].sum() / inspired[fine > 20].sum())
    return BreathFit(
        cycle=median(lengths),
        cycle_spread=min(0.5, pstdev([log(length) for length in lengths])) if len(lengths) > 1 else 0.1,
        inspiration=fit.form.inspiration,
        expiration=min(fit.form.expiration, 1 - fit.form.inspiration),
        expiration_level_db=fit.form.expiration_level_db,
        background_db=fit.form.background_db,
        level_dbfs=10 * log(loud / max(share, 1e-3)) / log(10),
        level_spread_db=pstdev(fit.gains) if len(fit.gains) > 1 else 0.0,
        inspiration_spectrum=spectra[0],
        expiration_spectrum=spectra[1],
        phases=tuple(phases),
        residual_db=fit.residual_db,
    )


def _frames(samples: Tensor, rate: int, size: int, hop: int) -> tuple[Tensor, Tensor]:
    """Power of frames (frames, bins), summing to the mean square of the frame, and the frequencies (bins,)."""
    window = torch.hann_window(size, periodic=True, dtype=samples.dtype)
    pieces = samples.unfold(0, size, hop) * window
    power = torch.fft.rfft(pieces).abs().square() * 2 / (window.square().sum() * size)
    return power, torch.fft.rfftfreq(size, 1 / rate, dtype=samples.dtype)


def _without_clicks(level: Tensor) -> Tensor:
    """The median of five frames: what lasts a frame or two is no breath."""
    padded = torch.nn.functional.pad(level[None, None], (2, 2), mode="replicate")[0, 0]
    return padded.unfold(0, 5, 1).median(dim=1).values


def _phases(times: list[float], inspiration: float, expiration: float, seconds: float) -> list[RespiratoryPhase]:
    found = []
    for first, last in pairwise(times):
        turn = first + inspiration * (last - first)
        end = min(turn + expiration * (last - first), seconds)
        found += [RespiratoryPhase("inspiration", first, turn), RespiratoryPhase("expiration", turn, end)]
    return found


def _median_spectrum(power: Tensor, rate: int, phases: list[RespiratoryPhase], kind: str) -> Tensor:
    """Median over the frames in the middle of the phases, scaled to the mean of exponentially distributed power, (bins,)."""
    centre = (torch.arange(len(power), dtype=torch.float64) / 4 + 0.5) * round(_SPECTRUM_SECONDS * rate) / rate
    chosen = torch.zeros(len(power), dtype=torch.bool)
    for phase in phases:
        if phase.kind == kind:
            length = phase.end - phase.start
            chosen |= (centre > phase.start + 0.15 * length) & (centre < phase.end - 0.25 * length)
    used = power[chosen] if int(chosen.sum()) >= 8 else power
    return (used.median(dim=0).values / log(2)).clamp(min=1e-30)
