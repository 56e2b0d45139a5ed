"""Is a recording usable: length, level, silence, clipping and offset of a signal, whole or block by block."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from foreknow.errors import InputFileError
from foreknow.files.names import display_name

_STEP_16_BIT = 2.0**-15
_FRAME_SECONDS = 0.1
_FLAT_RUN = 3


@dataclass(frozen=True, slots=True)
class SignalQuality:
    """What can be said of a recording's level before anything is computed from it.

    Attributes:
        seconds: length.
        peak: largest absolute sample, full scale 1.
        rms: root mean square about the mean.
        offset: mean (DC).
        range: largest minus smallest sample; 0 for a constant signal.
        clipped_fraction: share of samples, 0..1, that continue a flat top (equal to the two before, within 1 % of the peak).
        silent_fraction: share, 0..1, of 0.1 s frames whose samples span less than one step of 16 bit (digital silence).
    """

    seconds: float
    peak: float
    rms: float
    offset: float
    range: float
    clipped_fraction: float
    silent_fraction: float

    @property
    def is_silent(self) -> bool:
        """Whether nothing but a constant, within two steps of 16 bit, is in it."""
        return self.range <= 2 * _STEP_16_BIT

    def warnings(self) -> tuple[str, ...]:
        """Sentences on what makes results doubtful; none for a good recording."""
        found = []
        if self.clipped_fraction > 1e-3:
            found.append(f"{100 * self.clipped_fraction:.1f} % of the samples are clipped; record with a lower level")
        if not self.is_silent and self.silent_fraction > 0.2:
            found.append(f"{100 * self.silent_fraction:.0f} % of the recording is digital silence; check the contact of the sensor")
        if not self.is_silent and self.rms < 1e-4:
            found.append("the recording is very soft (below -80 dB of full scale); record with a higher level")
        if not self.is_silent and abs(self.offset) > max(0.05, 2 * self.rms):
            found.append(f"the recording has a constant offset of {self.offset:.3f} of full scale; check the recorder")
        return tuple(found)

    def require_usable(self, path: str | Path) -> None:
        """Check that there is a signal.

        Raises:
            InputFileError: if the recording is silent or constant.
        """
        if self.is_silent:
            what = "is silent" if self.peak <= 2 * _STEP_16_BIT else f"holds nothing but the constant {self.offset:.3g}"
            message = f"{display_name(path)} {what}; check the sensor and the chosen channel"
            raise InputFileError(message)


class SignalMeter:
    """Gathers a `SignalQuality` from blocks in order; the result does not depend on where the blocks are cut.

    Args:
        rate: sampling rate, hertz.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._frame = max(1, round(_FRAME_SECONDS * rate))
        self._count = 0
        self._sum = 0.0
        self._squares = 0.0
        self._low = float("inf")
        self._high = float("-inf")
        self._flat: dict[float, int] = {}
        self._tail = torch.zeros(0, dtype=torch.float64)
        self._unframed = torch.zeros(0, dtype=torch.float64)
        self._frames = 0
        self._silent_frames = 0

    def update(self, block: Tensor) -> None:
        """Take the next samples, (samples,), finite."""
        block = block.detach().cpu().to(torch.float64)
        if not block.numel():
            return
        self._count += block.numel()
        self._sum += float(block.sum())
        self._squares += float(block.square().sum())
        self._low = min(self._low, float(block.min()))
        self._high = max(self._high, float(block.max()))
        self._count_flat(block)
        joined = torch.cat((self._unframed, block))
        whole = joined.numel() // self._frame
        frames = joined[: whole * self._frame].reshape(whole, self._frame)
        self._frames += whole
        self._silent_frames += int(((frames.amax(1) - frames.amin(1)) < _STEP_16_BIT).sum()) if whole else 0
        self._unframed = joined[whole * self._frame :].clone()

    def _count_flat(self, block: Tensor) -> None:
        """Count, by level, the samples that equal their two predecessors near the largest level so far."""
        joined = torch.cat((self._tail, block))
        self._tail = joined[-(_FLAT_RUN - 1) :].clone()
        if joined.numel() < _FLAT_RUN:
            return
        now = joined[2:]
        near = 0.99 * max(abs(self._low), abs(self._high))
        levels = now[(now == joined[1:-1]) & (now == joined[:-2]) & (now.abs() >= near)].abs()
        self._flat = {level: count for level, count in self._flat.items() if level >= near}
        for level, count in Counter(levels.tolist()).items():
            self._flat[level] = self._flat.get(level, 0) + count

    def result(self) -> SignalQuality:
        """The quality of all samples so far.

        Raises:
            InputFileError: if there were none.
        """
        if not self._count:
            message = "there are no samples to judge; the recording is empty"
            raise InputFileError(message)
        mean = self._sum / self._count
        variance = max(0.0, self._squares / self._count - mean * mean)
        span = self._high - self._low
        clipped = sum(self._flat.values()) / self._count if span > 2 * _STEP_16_BIT else 0.0
        return SignalQuality(
            seconds=self._count / self._rate,
            peak=max(abs(self._low), abs(self._high)),
            rms=variance**0.5,
            offset=mean,
            range=span,
            clipped_fraction=clipped,
            silent_fraction=self._silent_frames / self._frames if self._frames else float(span < _STEP_16_BIT),
        )


def describe_signal(samples: Tensor, rate: int) -> SignalQuality:
    """The quality of a whole signal.

    Args:
        samples: (samples,), finite, full scale 1.
        rate: hertz.

    Raises:
        InputFileError: if there are no samples.
    """
    meter = SignalMeter(rate)
    meter.update(samples)
    return meter.result()
