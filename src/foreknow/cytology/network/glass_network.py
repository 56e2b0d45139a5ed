"""The network: a U-Net weighs pixels by how much they are empty glass, least squares fits the light through them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from foreknow.cytology.background import noise_of_differences, unevenness
from foreknow.cytology.light import SmoothLight
from foreknow.cytology.light_fit import fit_light
from foreknow.cytology.settings import DetectSettings
from foreknow.inject.networks import UNet

_DENSITY, _CHROMA = 0.1, 0.05  # optical density that is 1 to the network
_CLIP = 6.0
_FLAT_FIRST, _BRIGHT_FIRST = 4.0, 1.5  # what is glass before anything is learned
_MINIMUM = 1e-4


class GlassNetwork(nn.Module):
    r"""From optical density (fields, channels, h, w) on the coarse grid to the coefficients of light and cast.

    It looks at the density above the brightest places, at how uneven the surroundings are and at how far the colour is from that
    of the brightest places, and gives each pixel a weight in (0, 1). Light and cast then are the weighted least-squares fit of
    `SmoothLight` and `Cast`: whatever the network says, the background is one of the model's. It takes grey and colour alike and
    any size.

    Args:
        filters: of the levels of the U-Net.
        order: of the light (`DetectSettings`).
        tint: likewise.
    """

    def __init__(self, filters: Sequence[int] = (8, 16, 32, 32), order: int = 8, tint: int = 2) -> None:
        super().__init__()
        self.filters, self.order, self.tint = tuple(filters), order, tint
        self.weigh = UNet(2, 3, 1, filters=filters)
        self._bases: dict[tuple[int, int, int], SmoothLight] = {}

    def forward(self, y: Tensor) -> dict[str, Tensor]:
        """``light`` (fields, n) and ``cast`` (fields, channels), coefficients of the model."""
        seen = features(y)
        first = _FLAT_FIRST * (0.5 - seen[:, 1]) - _BRIGHT_FIRST * seen[:, 0]
        weights = torch.sigmoid(first + self.weigh(seen)[:, 0]) + _MINIMUM
        return fit_light(self.basis(y), y.flatten(2), weights.flatten(1))

    def __getstate__(self) -> dict[str, Any]:
        """Without the bases, which are large and soon made again."""
        return {**self.__dict__, "_bases": {}}

    def basis(self, y: Tensor) -> SmoothLight:
        """The light of fields of this size."""
        key = (y.shape[-2], y.shape[-1], y.shape[-3])
        if key not in self._bases:
            self._bases[key] = SmoothLight(*key, order=self.order, tint=self.tint).to(y.dtype)
        return self._bases[key].to(y.device)


def features(y: Tensor) -> Tensor:
    """What the network looks at, (fields, 3, h, w), the same for any unit of light and number of channels."""
    settings = DetectSettings()
    mean = y.mean(dim=1)
    low = mean.flatten(1).quantile(0.05, dim=1)[:, None, None]
    cast = y.flatten(2).quantile(0.05, dim=-1)[..., None, None]
    shade = y - cast
    chroma = (shade - shade.mean(dim=1, keepdim=True)).square().mean(dim=1).sqrt()
    uneven = unevenness(y, noise_of_differences(mean), settings)
    return torch.stack((((mean - low) / _DENSITY).clamp(-1, _CLIP), uneven, (chroma / _CHROMA).clamp_max(_CLIP)), dim=1)
