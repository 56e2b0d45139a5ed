"""The network that is shipped, or one that was trained, with what is needed to read its numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from foreknow.learn import Description, save_model, shipped_model
from foreknow.learn import load_model as load_network
from foreknow.swallow.decisions import Calibration
from foreknow.swallow.learned.network import SwallowNetwork

if TYPE_CHECKING:
    from collections.abc import Mapping

KIND = "swallow counting"
_AT_ONCE = 64  # windows


@dataclass(frozen=True)
class CountingModel:
    """A trained network and how its numbers are read.

    Attributes:
        network: in evaluation mode.
        calibration: of decisions that count, chosen on simulated trials that it did not learn from.
        announcing: the same of decisions that are taken soon.
        description: what it says of itself.
    """

    network: SwallowNetwork
    calibration: Calibration
    announcing: Calibration
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


def write_model(folder: str | Path, model: CountingModel) -> None:
    """Write a network that `load_model` reads; the description's kind and settings are set here."""
    calibrations = {"calibration": asdict(model.calibration), "announcing": asdict(model.announcing)}
    settings = {"network": model.network.as_settings(), **calibrations}
    fields = {**model.description.as_json(), "kind": KIND, "settings": settings}
    save_model(folder, model.network, Description(**fields))


@cache
def _shipped() -> CountingModel:
    return _read(shipped_model("foreknow.swallow", "counting"))


def _read(folder: Path) -> CountingModel:
    def build(settings: Mapping[str, Any]) -> SwallowNetwork:
        _calibrations(settings)  # refused with the network, if they are none
        return SwallowNetwork.from_settings(settings["network"])

    network, description = load_network(folder, KIND, build, "foreknow swallow train")
    return CountingModel(network.requires_grad_(requires_grad=False), *_calibrations(description.settings), description)


def _calibrations(settings: Mapping[str, Any]) -> tuple[Calibration, Calibration]:
    return Calibration(**settings["calibration"]), Calibration(**settings["announcing"])
