"""Whether a recording is good enough to be judged, and if not, why: clipped, silent, dominated by the heart, rubbed.

Limits are choices, looked at on the 84 recordings of ../shared/data/lung: both that SPRSound's annotators call poor are poor here,
and 7 of the 82 others, of which 3 for their low frequencies (KAUH and ICBHI keep the heart that SPRSound's stethoscope cuts).
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from foreknow.files import SignalQuality
from foreknow.lung.sample_queue import SampleQueue

_FRAME = 0.05  # seconds
_LOW, _LUNG = (20.0, 80.0), (100.0, 1000.0)  # hertz: where hearts and rubs are, and where breath sounds are
_CLIPPED = 0.01  # share of samples above which a recording is poor
_SILENT = 0.5  # share of frames of digital silence
_HEART_DB = 26.0  # of the low band over that of the lung in the median frame
_USUAL = 0.7  # quantile of the frames' levels: breaths reach it, rubs do not set it
_BURST_DB = 12.0  # of a frame over that, in which ...
_PARTS = (100.0, 160.0, 250.0, 400.0, 630.0, 1000.0)  # hertz: edges of the parts of the band of the lung, ...
_BROAD = 2  # ... so many of which a burst fills
_BURST_SHARE = 0.1  # ... more than this share of the frames is


@dataclass(frozen=True, slots=True)
class LungQuality:
    """How a lung sound was recorded.

    Attributes:
        low_db: median level of 20 to 80 Hz over that of 100 to 1000 Hz, dB: high where the heart or handling outweighs the lung.
        burst_share: share of the frames that are more than 12 dB above the level that 70 % stay below, 0 to 1: rubs, bumps, cries.
        reasons: sentences that say why the recording is poor; none if it is good enough.
    """

    low_db: float | None = None
    burst_share: float = 0.0
    reasons: tuple[str, ...] = ()

    @property
    def is_poor(self) -> bool:
        """Whether results should not be relied on."""
        return bool(self.reasons)


class LungMeter:
    """Gathers a `LungQuality` from blocks of a recording; seven numbers a frame of 50 ms are kept.

    Args:
        rate: hertz.
    """

    def __init__(self, rate: int) -> None:
        self._size = max(8, round(_FRAME * rate))
        self._queue = SampleQueue()
        self._levels: list[Tensor] = []
        self._window = torch.hann_window(self._size, periodic=True, dtype=torch.float64)
        hertz = torch.fft.rfftfreq(self._size, 1 / rate, dtype=torch.float64)
        self._bands = [(hertz >= low) & (hertz <= high) for low, high in (_LOW, _LUNG, *pairwise(_PARTS))]

    def update(self, block: Tensor) -> None:
        """Take the next samples, (n,)."""
        self._queue.append(block.to(torch.float64))
        count = len(self._queue) // self._size
        if not count:
            return
        frames = self._queue.take(count * self._size).reshape(count, -1)
        power = torch.fft.rfft((frames - frames.mean(1, keepdim=True)) * self._window).abs().square()
        self._levels.append(torch.stack([power[:, band].sum(1) for band in self._bands]))

    def result(self, signal: SignalQuality) -> LungQuality:
        """The verdict.

        Args:
            signal: what is known of the samples themselves.
        """
        if not self._levels or signal.is_silent:
            return LungQuality(reasons=("it is silent",) if signal.is_silent else ())
        low, lung, *parts = torch.cat(self._levels, dim=1)
        alive = lung > 1e-6 * lung.median() if float(lung.median()) > 0 else lung > 0
        if not bool(alive.any()):
            return LungQuality(reasons=("there is nothing between 100 and 1000 Hz, where breath sounds are",))
        low, lung = low[alive], lung[alive]
        ratio = float((10 * torch.log10((low.median() + 1e-30) / (lung.median() + 1e-30))).item())
        # A wheeze or stridor, however loud, is loud in a part or two of the band only.
        broad = sum(_burst(part[alive]).long() for part in parts) >= _BROAD
        bursts = float((_burst(lung) & broad).double().mean())
        reasons = []
        if signal.clipped_fraction > _CLIPPED:
            reasons.append(f"{100 * signal.clipped_fraction:.1f} % of the samples are clipped")
        if signal.silent_fraction > _SILENT:
            reasons.append(f"{100 * signal.silent_fraction:.0f} % of it is digital silence")
        if ratio > _HEART_DB:
            reasons.append(f"heart sounds or handling below 80 Hz are {ratio:.0f} dB over the breath sound")
        if bursts > _BURST_SHARE:
            reasons.append(f"rubs, bumps or cries fill {100 * bursts:.0f} % of it")
        return LungQuality(ratio, bursts, tuple(reasons))


def _burst(level: Tensor) -> Tensor:
    """Which frames are far over what is usual."""
    return level > 10 ** (_BURST_DB / 10) * _quantile(level, _USUAL)


def _quantile(values: Tensor, share: float) -> Tensor:
    """The value of this rank; `torch.quantile` refuses long recordings."""
    return values.kthvalue(max(1, math.ceil(share * values.shape[0]))).values
