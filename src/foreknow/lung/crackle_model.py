"""Crackle networks as they are kept: the one that comes with foreknow, and those that a user has trained."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from foreknow.errors import InputFileError
from foreknow.files import display_name
from foreknow.learn import Description, load_model, read_description, save_model
from foreknow.learn.saved import DESCRIPTION
from foreknow.lung.crackle_network import CrackleNetwork, CrackleNetworkSettings
from foreknow.lung.network_folder import network_folder
from foreknow.lung.settings import SeparationSettings

KIND = "lung crackles"
CRACKLES = "crackles"
UNROLLED = "unrolled"
CLASSICAL = "classical"
PURPOSE = (
    "Separates crackles from breath sound in recordings of the lung, whitened and at its rate: a screening aid and a means of "
    "research, not a diagnosis."
)


def model_folder(name: str) -> Path:
    """The folder of a crackle network: of ``unrolled``, of what ``foreknow lung train`` wrote, or the part of it for crackles."""
    return network_folder(name, CRACKLES, UNROLLED)


def load_crackle_network(name: str = UNROLLED, length: int | None = None) -> CrackleNetwork:
    """A trained network.

    Args:
        name: ``unrolled`` for the one that comes with foreknow, or a folder.
        length: of the recordings, samples; None for any.

    Raises:
        InputFileError: if the folder holds no such network, or one that is damaged.
    """
    return load_model(
        model_folder(name), KIND, lambda settings: CrackleNetwork(_settings(settings), length), "foreknow lung train"
    )[0]


def read_settings(name: str = UNROLLED) -> CrackleNetworkSettings:
    """How a trained network is built, without its weights.

    Raises:
        InputFileError: if the folder holds no such network.
    """
    folder = model_folder(name)
    description = read_description(folder)
    try:
        return _settings(description.settings)
    except (TypeError, ValueError, KeyError) as error:
        message = f"{display_name(folder)}: does not say how its network is built ({error}); train again"
        raise InputFileError(message) from error


def _settings(said: Mapping[str, Any]) -> CrackleNetworkSettings:
    known = {field.name for field in fields(CrackleNetworkSettings)}
    given = {key: value for key, value in said.items() if key in known}
    return CrackleNetworkSettings(**{**given, "steps": tuple(given["steps"])})


def save_crackle_network(
    folder: str | Path, network: CrackleNetwork, *, training: Mapping[str, Any], data: str, metrics: Mapping[str, float]
) -> None:
    """Write a network as `load_crackle_network` reads it.

    Args:
        folder: made if it is not there.
        network: trained.
        training: how, as JSON.
        data: on what.
        metrics: what was measured of it, by name.

    Raises:
        OSError: if it cannot be written.
    """
    description = Description(
        kind=KIND,
        formula=str(network),
        settings=network.settings.as_json(),
        training=training,
        data=data,
        metrics=metrics,
        purpose=PURPOSE,
    )
    save_model(folder, network, description)


def model_label(name: str) -> str:
    """What identifies a crackle model in results: its name without the folders that lead to it, and the hash of its weights.

    Raises:
        InputFileError: if the folder holds no model.
    """
    if name == CLASSICAL:
        return CLASSICAL
    folder = model_folder(name)
    read_description(folder)
    digest = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))["weights_sha256"][:12]
    return f"{name if name == UNROLLED else display_name(Path(name).name)} {digest}"


def settings_as_json(settings: SeparationSettings) -> dict[str, Any]:
    """Settings for a file: with what identifies the models instead of where they lie, which may name a person."""
    table = {**asdict(settings), "crackle_model": model_label(settings.crackle_model)}
    wheezes = table["wheezes"]
    if wheezes is not None and "model" in wheezes:
        table["wheezes"] = {**wheezes, "model": display_name(Path(wheezes["model"]).name)}
    return table
