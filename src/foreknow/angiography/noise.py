"""The noise of a run, from the differences of its frames, whatever their exposure."""

from collections.abc import Iterable

import torch
from torch import Tensor

from foreknow.simulate.blur import gaussian_blur
from foreknow.solve import noise_level

_SAMPLES = 2**17  # pixels that are looked at


def noise_of_run(attenuation: Tensor, area: Tensor) -> float:
    """Standard deviation of the noise of a pixel; exposure that flickers, which moves whole frames, is not noise.

    Args:
        attenuation: (frames, height, width), two frames or more.
        area: (height, width) bool, what was exposed; of large frames some pixels are looked at.
    """
    chosen = some_pixels(area)
    return noise_of_samples(torch.stack([frame.flatten()[chosen] for frame in attenuation]))


def noise_of_smoothed(frames: Iterable[Tensor], width: float, area: Tensor) -> float:
    """Likewise of frames that were smoothed.

    Args:
        frames: (height, width) each, two or more; one at a time is kept.
        width: standard deviation of the smoothing, pixels.
        area: (height, width) bool, what was exposed.
    """
    chosen = some_pixels(area)
    return noise_of_samples(torch.stack([gaussian_blur(frame, width).flatten()[chosen] for frame in frames]))


def noise_of_samples(samples: Tensor) -> float:
    """Likewise of the same pixels of all frames, (frames, pixels)."""
    return float(noise_level(samples - samples.median(dim=1, keepdim=True).values, time_axis=-2))


def some_pixels(area: Tensor) -> Tensor:
    """Numbers of exposed pixels, evenly spread."""
    chosen = area.flatten().nonzero().squeeze(1)
    return chosen[:: max(1, -(-len(chosen) // _SAMPLES))]
