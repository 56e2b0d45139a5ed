"""The frame of the wavelet methods: high-pass, separation in overlapping windows, the common click finder on the crackle part."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from benchmarks.baselines.clicks import ClickFinder, band_pass
from benchmarks.baselines.frames import in_frames, power_of_two
from benchmarks.baselines.method import Extraction, Grid, Signal


@dataclass(frozen=True, kw_only=True)
class SeparateThenFind(ABC):
    """A separation of windows with a click finder behind.

    Attributes:
        frame: length of a window, seconds; rounded to a power of two of samples.
        low: high-pass before, Hz.
        threshold: of the click finder, as are the following.
        click_low: high-pass of the click finder, Hz.
        smoothing: seconds.
        span: seconds.
        refractory: seconds.
    """

    frame: float = 0.5
    low: float = 60.0
    threshold: float = 1.0
    click_low: float = 100.0
    smoothing: float = 0.004
    span: float = 0.5
    refractory: float = 0.008

    CLICK_GRID: ClassVar[Grid] = {
        "threshold": (0.03, 0.1, 0.3, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0),
        "click_low": (60.0, 100.0, 150.0, 200.0, 300.0, 400.0, 500.0, 600.0, 800.0),
        "smoothing": (0.001, 0.002, 0.004, 0.006),
        "refractory": (0.005, 0.008, 0.012),
        "span": (0.12, 0.25, 0.5, 1.0),
    }

    @abstractmethod
    def crackle_part(self, frames: Signal) -> Signal:
        """What is crackle in each window, (frames, size) to the same."""

    def separate(self, recording: Tensor, rate: float) -> Signal:
        """The crackle part of a recording (samples,); depends on none of the click finder's parameters."""
        signal = band_pass(recording.double().numpy(), rate, self.low, rate)
        return in_frames(signal, power_of_two(self.frame, rate), self.crackle_part)

    def find(self, part: Signal, recording: Tensor, rate: float) -> Extraction:
        """The clicks in a crackle part."""
        finder = ClickFinder(self.threshold, self.click_low, self.smoothing, self.span, self.refractory)
        return Extraction(torch.from_numpy(part), torch.from_numpy(finder(part, recording.double().numpy(), rate)))

    def __call__(self, recording: Tensor, rate: float) -> Extraction:
        """Separate a recording (samples,) and find its clicks."""
        return self.find(self.separate(recording, rate), recording, rate)
