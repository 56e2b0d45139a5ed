"""From a vessel layer to a soft mask and, by a threshold that the noise sets, a binary one."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from foreknow.angiography.separate import Separation
from foreknow.angiography.settings import EnhanceSettings
from foreknow.simulate.blur import gaussian_blur
from foreknow.solve import noise_level

_EIGHT = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True)
class VesselMask:
    """Where vessels are.

    Attributes:
        score: (frames, height, width) float32, vessel attenuation, smoothed; what the threshold is put to.
        soft: (frames, height, width) float32, 0 to 1: score^2 / (score^2 + threshold^2), so 0.5 at the threshold.
        binary: (frames, height, width) bool.
        threshold: attenuation.
    """

    score: Tensor = field(repr=False)
    soft: Tensor = field(repr=False)
    binary: Tensor = field(repr=False)
    threshold: float

    @property
    def shown(self) -> Tensor:
        """The soft mask where the binary one is, 0 elsewhere: what is laid over the frames."""
        return torch.where(self.binary, self.soft, 0.0)


def vessel_mask(separation: Separation, settings: EnhanceSettings | None = None) -> VesselMask:
    """Pixels above a multiple of the noise, in connected components that reach a higher one and are large enough.

    The two levels are those of a threshold with hysteresis (Canny 1986).

    Args:
        separation: of the run.
        settings: the levels.
    """
    settings = settings or EnhanceSettings()
    vessels = separation.vessels
    width = settings.smoothing / 1000 * min(vessels.shape[1:])
    score = torch.where(separation.area, gaussian_blur(vessels, width), 0.0)
    frames = gaussian_blur(vessels + separation.background, width)
    noise = float(noise_level(frames[:, separation.area], time_axis=-2))
    low, high = settings.mask_level * noise, settings.mask_peak * noise
    area = settings.mask_area / 1000 * vessels.shape[1] * vessels.shape[2]
    binary = torch.stack([torch.as_tensor(_components(frame.numpy(), low, high, area)) for frame in score])
    return VesselMask(score, score.square() / (score.square() + max(low**2, 1e-20)), binary, low)


def _components(frame: NDArray[np.float32], low: float, high: float, area: float) -> NDArray[np.bool_]:
    label, count = ndimage.label(frame > low, _EIGHT)
    if not count:
        return np.zeros(frame.shape, dtype=bool)
    sizes = np.bincount(label.ravel(), minlength=count + 1)
    peaks = np.zeros(count + 1, dtype=frame.dtype)
    np.maximum.at(peaks, label.ravel(), frame.ravel())
    kept = (sizes >= area) & (peaks > high)
    kept[0] = False
    return kept[label]
