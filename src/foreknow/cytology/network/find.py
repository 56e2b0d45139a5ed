"""The network as a finder of backgrounds."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import torch
from torch import Tensor

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
        known = torch.cat([value.detach().flatten().float() for value in network.state_dict().values()])
        self.fingerprint = hashlib.sha256(known.numpy().tobytes()).hexdigest()

    @torch.no_grad()
    def find_coarse(self, coarse: Tensor, settings: DetectSettings) -> FoundBackground:  # noqa: ARG002
        """The fit of light and cast through what the network takes for glass."""
        found = self.network(coarse[None])
        light = self.network.basis(coarse[None]).on(tuple(found["light"].shape))(found["light"])
        surface = light + found["cast"][..., None] / math.sqrt(light.shape[-1])
        return FoundBackground(surface.reshape(coarse.shape), None)


def network_finder(model: str | Path) -> NetworkBackground:
    """The finder of a saved model; ``shipped`` is the one that comes with foreknow.

    Raises:
        InputFileError: if there is no such model.
    """
    network, _ = load_network(None if str(model) == SHIPPED else model)
    return NetworkBackground(network, SHIPPED if str(model) == SHIPPED else Path(model).name)
