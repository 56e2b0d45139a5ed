"""Smears made worse."""

import torch
from torch import Tensor

from foreknow.errors import ShapeError
from foreknow.simulate.deterioration import DeteriorationSettings, deteriorate_channels


def deteriorate(image: Tensor, settings: DeteriorationSettings | None = None, generator: torch.Generator | None = None) -> Tensor:
    """A copy of a slide's image with a colour cast, uneven light, dust, scratches, blur and noise.

    Args:
        image: (height, width) or (height, width, 3), uint8 or floating point within 0..1.
        settings: how much worse.
        generator: source of all random numbers (CPU).

    Returns:
        The same shape, dtype and device.

    Raises:
        ShapeError: if it is neither grey nor colour.
    """
    settings = settings or DeteriorationSettings()
    if image.ndim == 2:
        return deteriorate_channels(image[None], settings, generator)[0]
    if image.ndim != 3 or image.shape[-1] != 3:
        message = f"an image to deteriorate has shape {tuple(image.shape)}, but must be (height, width) or (height, width, 3)"
        raise ShapeError(message)
    return deteriorate_channels(image.movedim(-1, 0), settings, generator).movedim(0, -1).contiguous()
