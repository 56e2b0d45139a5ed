"""The network as a finder of backgrounds."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from foreknow.cytology.background import at_size, reduced
from foreknow.cytology.finder import BackgroundFinder, FoundBackground
from foreknow.cytology.network.glass_network import GlassNetwork
from foreknow.cytology.network.saved import SHIPPED, load_network
from foreknow.cytology.settings import DetectSettings


class NetworkBackground(BackgroundFinder):
    """One pass of a network for each field.

    Args:
        network: in evaluation mode.
        name: of it, for results.
    """

    def __init__(self, network: GlassNetwork, name: str) -> None:
        self.network = network
        self.model = name

    @torch.no_grad()
    def find(self, density: Tensor, settings: DetectSettings) -> FoundBackground:
        """The fit of light and cast through what the network takes for glass."""
        coarse = reduced(density[None], max(1, math.ceil(max(density.shape[1:]) / settings.side)))
        found = self.network(coarse)
        light = self.network.basis(coarse).on(tuple(found["light"].shape))(found["light"])
        surface = (light + found["cast"][..., None] / math.sqrt(light.shape[-1])).reshape(coarse.shape)[0]
        return FoundBackground(at_size(surface, (density.shape[1], density.shape[2])), None)


def network_finder(model: str | Path) -> NetworkBackground:
    """The finder of a saved model; ``shipped`` is the one that comes with foreknow.

    Raises:
        InputFileError: if there is no such model.
    """
    network, _ = load_network(None if str(model) == SHIPPED else model)
    return NetworkBackground(network, SHIPPED if str(model) == SHIPPED else Path(model).name)
