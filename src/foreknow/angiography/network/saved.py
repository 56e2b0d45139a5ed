"""Vessel networks on disk: the one that comes with foreknow, and those that users train."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from foreknow.angiography.network.looks import DeviceLooks
from foreknow.angiography.network.vessel_network import VesselNetwork
from foreknow.errors import ParameterError
from foreknow.learn import Description, load_model, save_model, shipped_model

KIND = "angiography vessels"
PURPOSE = (
    "Sees contrast-filled coronary vessels in X-ray frames and runs. A means of research, not a diagnosis: thin and faint vessels "
    "may be missed, and what looks like a vessel may be shown as one."
)
MADE_BY = "foreknow angiography train"
_SHIPPED = "network"


def network_of(settings: Mapping[str, Any]) -> VesselNetwork:
    """The network, untrained, that the settings of a saved model describe.

    Raises:
        ParameterError: if they describe none.
    """
    try:
        filters, block, shades = tuple(map(int, settings["filters"])), int(settings["block"]), float(settings["shades"])
    except (KeyError, TypeError, ValueError) as error:
        message = f"these settings describe no vessel network: {error} is missing or of another form"
        raise ParameterError(message) from error
    network = VesselNetwork(filters, block, shades)
    network.device = DeviceLooks.of(settings["device"]) if settings.get("device") else None
    factor, level = settings.get("rescaled", network.rescaled)
    network.rescaled = (float(factor), float(level))
    return network


class _Halves(nn.Module):
    """The parameters of a network, each once, in half precision: what is kept of it on disk."""

    def __init__(self, network: VesselNetwork) -> None:
        super().__init__()
        self._network = (network,)  # no module of this one: only the halves are kept
        for name, parameter in network.named_parameters():
            self.register_buffer(name.replace(".", "-"), parameter.detach().half())

    def filled(self) -> VesselNetwork:
        """The network with these parameters."""
        (network,) = self._network
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                parameter.copy_(self.get_buffer(name.replace(".", "-")))
        return network


def save_network(folder: str | Path, network: VesselNetwork, settings: Mapping[str, Any], **known: Any) -> None:  # noqa: ANN401
    """Write a trained network, in half precision; ``known`` are further fields of its `Description`."""
    device = {} if network.device is None else {"device": network.device.settings()}
    kept = {name: value for name, value in settings.items() if name != "device"}
    chosen = {**kept, "rescaled": list(network.rescaled), **device}
    save_model(folder, _Halves(network), Description(kind=KIND, purpose=PURPOSE, settings=chosen, **known))


def load_network(folder: str | Path | None = None) -> tuple[VesselNetwork, Description]:
    """A network in evaluation mode, and what is known of it.

    Args:
        folder: of the saved model; that which comes with foreknow if None.

    Raises:
        InputFileError: if the folder holds no saved model of this kind, or one that is damaged.
    """
    place = shipped_model("foreknow.angiography", _SHIPPED) if folder is None else Path(folder)
    halves, description = load_model(place, KIND, lambda settings: _Halves(network_of(settings)), MADE_BY)
    return halves.filled().eval(), description
