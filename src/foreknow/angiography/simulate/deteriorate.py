"""Frames made worse."""

import torch
from torch import Tensor

from foreknow.errors import ShapeError
from foreknow.simulate.deterioration import DeteriorationSettings, deteriorate_channels

FRAMES = DeteriorationSettings(
    cast=0.03, light=0.4, dust=12.0, dust_size=(1.0, 3.0), dust_depth=0.3, scratches=0.3, blur=0.5, noise=0.015
)
"""Flickering exposure, uneven light, dead spots of the detector, at times a scratch, blur, noise (choice)."""


def deteriorate(frames: Tensor, settings: DeteriorationSettings = FRAMES, generator: torch.Generator | None = None) -> Tensor:
    """A copy of a frame or run with flickering exposure, uneven light, spots, scratches, blur and noise.

    Args:
        frames: (height, width) or (frames, height, width), uint8 or floating point within 0..1. Light, spots and scratches are the
            same in all frames.
        settings: how much worse; ``cast`` is the flicker of exposure.
        generator: source of all random numbers (CPU).

    Returns:
        The same shape, dtype and device.

    Raises:
        ShapeError: if there are neither two nor three axes.
    """
    if frames.ndim == 2:
        return deteriorate_channels(frames[None], settings, generator)[0]
    if frames.ndim != 3:
        message = f"frames to deteriorate have shape {tuple(frames.shape)}, but must be (height, width) or (frames, height, width)"
        raise ShapeError(message)
    return deteriorate_channels(frames, settings, generator)
