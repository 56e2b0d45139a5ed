"""From a vessel layer to a soft mask and, by a threshold that the noise sets, a binary one."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from foreknow.angiography.hysteresis import components_that_rise
from foreknow.angiography.mask_rule import GateRule
from foreknow.angiography.noise import noise_of_smoothed
from foreknow.angiography.separate import Separation
from foreknow.angiography.settings import EnhanceSettings
from foreknow.errors import ParameterError
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
    """Pixels above a level, in connected components that reach a higher one and are large enough.

    The two levels are those of a threshold with hysteresis (Canny 1986), which the separation carries with it: multiples of the
    noise for a layer of attenuation, values of the gate where a network has looked.

    Args:
        separation: of the run.
        settings: smoothing and smallest area.

    Raises:
        ParameterError: if the rule is that of a gate and there is none.
    """
    settings = settings or EnhanceSettings()
    vessels, rule = separation.vessels, separation.mask_rule
    area = settings.mask_area / 1000 * vessels.shape[1] * vessels.shape[2]
    if isinstance(rule, GateRule):
        if separation.gate is None:
            message = "the rule of this mask is that of a gate, and there is none"
            raise ParameterError(message)
        binary = components_that_rise(separation.gate, rule.level, rule.peak, area)
        return VesselMask(separation.gate, binary, rule.level, is_gate=True)
    width = settings.smoothing / 1000 * min(vessels.shape[1:])
    score = torch.empty_like(vessels)
    for frame, layer in zip(score, vessels, strict=True):
        frame.copy_(torch.where(separation.area, gaussian_blur(layer, width), 0.0))
    frames = (one + other for one, other in zip(vessels, separation.background, strict=True))
    noise = noise_of_smoothed(frames, width, separation.area)
    low, high = rule.level * noise, rule.peak * noise
    return VesselMask(score, components_that_rise(score, low, high, area), low)
