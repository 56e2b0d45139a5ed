"""Wheeze networks as they are kept: the one that comes with foreknow, and those that a user has trained."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from foreknow.learn import Description, load_model, save_model
from foreknow.lung.network_folder import network_folder
from foreknow.lung.wheeze_network import WheezeNetwork, WheezeNetworkSettings
from foreknow.lung.wheeze_settings import WheezeSettings

KIND = "lung wheezes"
WHEEZES = "wheezes"
SHIPPED = "unet"
CLASSICAL = "classical"
PURPOSE = (
    "Separates wheezes, rhonchi and stridor from breath sound in whitened spectrograms of recordings of the lung: a screening aid "
    "and a means of research, not a diagnosis."
)


def model_folder(name: str) -> Path:
    """The folder of a network: that of ``unet``, or what ``foreknow lung train`` wrote, or the part of it for wheezes."""
    return network_folder(name, WHEEZES, SHIPPED)


def settings_beside(crackle_model: str) -> WheezeSettings:
    """Settings with the network that belongs to a model of crackles: what ``foreknow lung train --wheezes`` wrote beside it.

    Args:
        crackle_model: as in `foreknow.lung.SeparationSettings`.
    """
    if crackle_model == CLASSICAL:
        return WheezeSettings(model=CLASSICAL)
    own = Path(crackle_model) / WHEEZES
    return WheezeSettings(model=str(own)) if own.is_dir() else WheezeSettings()


def load_wheeze_network(name: str = SHIPPED) -> WheezeNetwork:
    """A trained network, for use.

    Args:
        name: ``unet`` for the one that comes with foreknow, or a folder.

    Raises:
        InputFileError: if the folder holds no such network, or one that is damaged.
        ForeknowError: if MONAI, whose U-Net it is, is not installed.
    """
    network, _ = load_model(model_folder(name), KIND, _build, "foreknow lung train")
    return network.requires_grad_(requires_grad=False)


def _build(settings: Mapping[str, Any]) -> WheezeNetwork:
    known = {field.name for field in fields(WheezeNetworkSettings)}
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in settings.items() if key in known
    }
    return WheezeNetwork(WheezeNetworkSettings(**given))


def save_wheeze_network(
    folder: str | Path,
    network: WheezeNetwork,
    *,
    formula: str,
    training: Mapping[str, Any],
    data: str,
    metrics: Mapping[str, float],
) -> None:
    """Write a network as `load_wheeze_network` reads it.

    Args:
        folder: made if it is not there.
        network: trained.
        formula: of the model whose loss it was trained on.
        training: how, as JSON.
        data: on what.
        metrics: what was measured of it, by name.

    Raises:
        OSError: if it cannot be written.
    """
    description = Description(
        kind=KIND,
        formula=formula,
        settings=asdict(network.settings),
        training=training,
        data=data,
        metrics=metrics,
        purpose=PURPOSE,
    )
    save_model(folder, network, description)
