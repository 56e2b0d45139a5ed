"""The network that is shipped, or one that was trained, with what is needed to read its numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import torch
from torch import Tensor

from foreknow.errors import InputFileError, ParameterError
from foreknow.learn import Description, load_weights, read_description, save_model
from foreknow.swallow.decisions import Calibration
from foreknow.swallow.learned.network import SwallowNetwork

KIND = "swallow counting"
_AT_ONCE = 64  # windows


@dataclass(frozen=True)
class CountingModel:
    """A trained network and how its numbers are read.

    Attributes:
        network: in evaluation mode.
        calibration: chosen on simulated trials that it did not learn from.
        description: what it says of itself.
    """

    network: SwallowNetwork
    calibration: Calibration
    description: Description

    @property
    def window(self) -> int:
        """Frames that it sees at once."""
        return self.network.settings.window

    @torch.no_grad()
    def say(self, windows: Tensor) -> dict[str, Tensor]:
        """What the network says of windows (count, INPUTS, window): see `SwallowNetwork`."""
        parts = [self.network(part) for part in windows.split(_AT_ONCE)]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def load_model(folder: str | Path | None = None) -> CountingModel:
    """The shipped network, or that of a folder which `foreknow swallow train` wrote.

    Raises:
        InputFileError: if the folder holds no such model.
    """
    return _shipped() if folder is None else _read(Path(folder))


def write_model(folder: str | Path, network: SwallowNetwork, calibration: Calibration, description: Description) -> None:
    """Write a network that `load_model` reads; the description's kind and settings are set here."""
    settings = {"network": network.as_settings(), "calibration": asdict(calibration)}
    fields = {**description.as_json(), "kind": KIND, "settings": settings}
    save_model(folder, network, Description(**fields))


@cache
def _shipped() -> CountingModel:
    with resources.as_file(resources.files("foreknow.swallow") / "weights") as folder:
        return _read(folder)


def _read(folder: Path) -> CountingModel:
    description = read_description(folder)
    try:
        network = SwallowNetwork.from_settings(description.settings["network"])
        calibration = Calibration(**description.settings["calibration"])
    except (KeyError, TypeError, ParameterError) as error:
        message = f"{folder}: is no model that counts swallows; give a folder that foreknow swallow train wrote"
        raise InputFileError(message) from error
    load_weights(folder, network, KIND)
    return CountingModel(network.eval().requires_grad_(requires_grad=False), calibration, description)
