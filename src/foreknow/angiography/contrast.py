"""How visible vessels are: contrast-to-noise ratio, and opacity over the whole run."""

import torch
from torch import Tensor


def contrast_to_noise(layer: Tensor, mask: Tensor, around: Tensor | None = None) -> Tensor:
    r"""|mean inside - mean outside| / standard deviation outside, of each frame; it says nothing of what was missed.

    Args:
        layer: (\*batch, height, width).
        mask: (\*batch, height, width) bool, what is vessel.
        around: (\*batch, height, width) bool, what counts as outside; all else if None.

    Returns:
        (\*batch,) in the dtype of the layer; NaN where mask or surroundings are empty or flat.
    """
    outside = ~mask if around is None else around & ~mask
    inside_mean, outside_mean = _mean(layer, mask), _mean(layer, outside)
    spread = _mean((layer - outside_mean[..., None, None]).square(), outside).sqrt()
    return torch.where(spread > 0, (inside_mean - outside_mean).abs() / spread, torch.nan)


def maximum_opacity(vessels: Tensor) -> Tensor:
    """The largest vessel attenuation that each pixel ever has, (frames, height, width) -> (height, width)."""
    return vessels.amax(dim=0)


def _mean(layer: Tensor, where: Tensor) -> Tensor:
    count = where.sum((-2, -1))
    return torch.where(count > 0, (layer * where).sum((-2, -1)) / count.clamp_min(1), torch.nan)
