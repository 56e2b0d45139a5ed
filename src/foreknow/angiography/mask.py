"""From a vessel layer to a soft mask and, by a threshold that the noise sets, a binary one."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from foreknow.angiography.hysteresis import components_that_rise
from foreknow.angiography.noise import noise_of_samples, some_pixels
from foreknow.angiography.separate import Separation
from foreknow.angiography.settings import EnhanceSettings
from foreknow.simulate.blur import gaussian_blur


@dataclass(frozen=True)
class VesselMask:
    """Where vessels are.

    Attributes:
        score: (frames, height, width) float32, what the threshold is put to: vessel attenuation, smoothed, or a network's gate.
        binary: (frames, height, width) bool.
        threshold: attenuation, or a value of the gate.
        is_gate: whether the score is a network's gate.
    """

    score: Tensor = field(repr=False)
    binary: Tensor = field(repr=False)
    threshold: float
    is_gate: bool = False

    @property
    def soft(self) -> Tensor:
        """(frames, height, width) float32, 0 to 1: the gate, or score^2 / (score^2 + threshold^2), 0.5 at the threshold."""
        return self._softened(self.score)

    def soft_frame(self, frame: int) -> Tensor:
        """The soft mask of one frame, (height, width)."""
        return self._softened(self.score[frame])

    def shown_frame(self, frame: int) -> Tensor:
        """The soft mask where the binary one is, 0 elsewhere: what is laid over the frame."""
        return torch.where(self.binary[frame], self.soft_frame(frame), 0.0)

    def _softened(self, score: Tensor) -> Tensor:
        return score if self.is_gate else score.square() / (score.square() + max(self.threshold**2, 1e-20))


def vessel_mask(separation: Separation, settings: EnhanceSettings | None = None) -> VesselMask:
    """Pixels above a multiple of the noise, in connected components that reach a higher one and are large enough.

    The two levels are those of a threshold with hysteresis (Canny 1986). Where a network has looked, they are put to its gate.

    Args:
        separation: of the run.
        settings: the levels.
    """
    settings = settings or EnhanceSettings()
    vessels = separation.vessels
    area = settings.mask_area / 1000 * vessels.shape[1] * vessels.shape[2]
    if separation.gate is not None:
        score, low, high = separation.gate, settings.gate_level, settings.gate_peak
    else:
        width = settings.smoothing / 1000 * min(vessels.shape[1:])
        score = torch.empty_like(vessels)
        for frame, layer in zip(score, vessels, strict=True):
            frame.copy_(torch.where(separation.area, gaussian_blur(layer, width), 0.0))
        noise = _smoothed_noise(separation, width)
        low, high = settings.mask_level * noise, settings.mask_peak * noise
    return VesselMask(score, components_that_rise(score, low, high, area), low, separation.gate is not None)


def _smoothed_noise(separation: Separation, width: float) -> float:
    """Standard deviation of the noise of smoothed frames, from some of their pixels."""
    chosen = some_pixels(separation.area)
    pairs = zip(separation.vessels, separation.background, strict=True)
    return noise_of_samples(torch.stack([gaussian_blur(one + other, width).flatten()[chosen] for one, other in pairs]))
