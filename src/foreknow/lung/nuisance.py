"""What is no lung sound: heart and handling below its band, rubs and bumps, voices; taken out before crackles and wheezes."""

import math
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import max_pool1d, pad

from foreknow.errors import ParameterError
from foreknow.lung.path_opening import path_opening
from foreknow.lung.voice import voiced_frames
from foreknow.operators import STFT

_WINDOW = 8.192  # seconds of one analysis window
_FRAME = 0.064  # seconds of a short-time Fourier window, four times the distance of frames
_EDGES = (60.0, 90.0)  # hertz: all below is nuisance, nothing that is calm above (crackles reach down to 100 Hz)
_LUNG = (100.0, 1000.0)  # hertz
_USUAL = 0.7  # quantile over calm time: breaths reach it
_BURST_DB = 12.0  # of a frame over what is usual bin by bin, in the median over frequency
_PEAKED_DB = 15.0  # of the mean over the median across frequency: noise has 2, rubs up to 10, the skirts of a loud line 25
_LEAST_DB = -20.0  # of what is usual in a bin, below its level across frequency: nothing is judged against silence
_OVER = 4.0  # power of what is usual that a disturbance leaves to the lung: 70 % of breath are below, nearly all below 4 times that
_SHORTEST = 3  # frames that a disturbance lasts at least
_LASTING = 12  # short frames, 48 ms, in which ...
_GAPS = 3  # ... so many may be calm ...
_LASTING_DB = 9.0  # ... while the others are so far over what is usual, ...
_PARTS = (100.0, 300.0, 600.0, 1000.0)  # hertz: edges of the parts of the band, ...
_BROAD = 2  # ... in so many of them


class NuisanceSeparator:
    r"""Takes out of windows what is no lung sound.

    Three things are told from lung sounds by what these cannot be, and taken with a Wiener gain in a short-time Fourier frame:

    - what lies below 60 Hz: heart sounds, handling, wind;
    - frames that are 12 dB over what is usual **across** frequency and stay loud for 50 ms, which rubs, bumps and cries do; a
      wheeze is loud at its lines only, a crackle, however loud, for 20 ms at most;
    - frames in which somebody speaks (`voiced_frames`).

    In such frames the breath sound is taken to be as loud as it usually is, bin by bin; the rest is nuisance:
    gain = max(0, 1 - 4 usual power / power). The median over frequency tells lines from bursts, the quantile over time breath from
    disturbances; so neither has to be learned. What is calm stays as it is above 90 Hz.

    Args:
        rate: of the windows, hertz; 400 or more.

    Attributes:
        window_samples: length of a window.

    Raises:
        ParameterError: if the rate is lower.
    """

    def __init__(self, rate: float) -> None:
        if rate < 4 * _LUNG[0]:
            message = f"lung sounds lie between 100 and 1000 Hz: they need a rate of 400 Hz or more, not {rate:g}"
            raise ParameterError(message)
        self.rate = rate
        hop = max(1, round(_FRAME * rate / 4))
        self.window_samples = max(8, round(_WINDOW * rate / hop)) * hop
        self._stft = STFT(4 * hop, hop, self.window_samples)
        self._finer = 4 if hop % 4 == 0 else 1  # short frames a frame
        self._short = STFT(2 * hop // self._finer, hop // self._finer, self.window_samples)
        hertz = self._stft.frequencies(rate)
        self._band = (hertz >= _LUNG[0]) & (hertz <= _LUNG[1])
        share = ((hertz - _EDGES[0]) / (_EDGES[1] - _EDGES[0])).clamp(0, 1)
        self._low = (0.5 + 0.5 * torch.cos(math.pi * share))[:, None]

    def separate(self, windows: Tensor) -> Tensor:
        """The nuisance of windows, (batch, window_samples) to the same, in their dtype on their device."""
        with torch.no_grad():
            return torch.stack([self._stft.adjoint(self._nuisance(window)) for window in windows])

    def _nuisance(self, window: Tensor) -> Tensor:
        spectrum = self._stft(window)
        power = spectrum.abs().square()
        disturbed = self.disturbed(window, power)
        calm = power[:, ~disturbed] if bool((~disturbed).any()) else power
        usual = _quantile(calm, _USUAL)[:, None]
        usual = torch.maximum(usual, 10 ** (_LEAST_DB / 10) * usual[self._band.to(usual.device)].median())
        wiener = (1 - _OVER * usual / power.clamp_min(torch.finfo(power.dtype).tiny)).clamp_min(0)
        gain = torch.maximum(self._low.to(power), wiener * disturbed)
        return spectrum * gain

    def disturbed(self, window: Tensor, power: Tensor | None = None) -> Tensor:
        """Which frames of a window hold a rub, bump or voice, (frames,), bool.

        Args:
            window: (window_samples,).
            power: of its short-time Fourier coefficients if it is known.
        """
        power = self._stft(window).abs().square() if power is None else power
        band = power[self._band.to(power.device)]
        over = band / _quantile(band, _USUAL)[:, None].clamp_min(torch.finfo(power.dtype).tiny)
        level = over.median(dim=0).values
        burst = (level > 10 ** (_BURST_DB / 10)) & (over.mean(dim=0) < 10 ** (_PEAKED_DB / 10) * level)
        # Three frames or more: windows overlap by three quarters, so that whatever is no single sample fills as many.
        lasting = path_opening(burst.to(power.dtype)[None], min(_SHORTEST, len(burst)))[0] > 0
        return _touched(lasting, self._lasts(window)) | voiced_frames(window, self._stft, self.rate)

    def _lasts(self, window: Tensor) -> Tensor:
        """In which frames something broad goes on for longer than a crackle, judged in frames of 8 ms; (frames,), bool."""
        power = self._short(window).abs().square()
        hertz = self._short.frequencies(self.rate).to(power.device)
        # A part that holds no frequency of the short frames, at low rates, is never loud.
        parts = torch.stack([power[(hertz >= low) & (hertz < high)].sum(0) for low, high in pairwise(_PARTS)])
        over = parts / _quantile(parts, _USUAL)[:, None].clamp_min(torch.finfo(power.dtype).tiny)
        before = _LASTING // 2
        spans = pad(over, (before, _LASTING - 1 - before)).unfold(-1, _LASTING, 1)
        loud = (spans.kthvalue(_GAPS, dim=-1).values > 10 ** (_LASTING_DB / 10)).sum(0) >= _BROAD
        around = before + 2 * self._finer  # the span that is loud, and half a frame
        reached = max_pool1d(loud.to(power.dtype)[None], 2 * around + 1, 1, around)[0] > 0
        middle = ((self._stft.times(self.rate) - self._short.times(self.rate)[0]) * self.rate / self._short.hop).round().long()
        return reached[middle.clamp(0, len(reached) - 1).to(reached.device)]


def _touched(runs: Tensor, seeds: Tensor) -> Tensor:
    """Those runs of frames, whole, in which there is a seed; (frames,), bool."""
    number = torch.diff(runs.long(), prepend=runs.new_zeros(1, dtype=torch.long)).clamp_min(0).cumsum(0)
    touched = torch.zeros(len(runs) + 1, dtype=torch.bool, device=runs.device)
    touched[number[runs & seeds]] = True
    return runs & touched[number]


def _quantile(values: Tensor, share: float) -> Tensor:
    """The value of this rank along the last axis."""
    return values.kthvalue(max(1, math.ceil(share * values.shape[-1])), dim=-1).values
