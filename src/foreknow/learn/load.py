"""A saved model as a network that is ready for use, whatever network it is."""

from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from foreknow.errors import InputFileError
from foreknow.learn.description import Description
from foreknow.learn.saved import load_weights, read_description

Network = TypeVar("Network", bound=nn.Module)

WEIGHTS_FOLDER = "weights"


def shipped_model(package: str, name: str) -> Path:
    """The folder of a model that comes with a package: ``weights/<name>`` in it; trained on simulated data only."""
    return Path(str(resources.files(package))) / WEIGHTS_FOLDER / name


def load_model(
    folder: str | Path, kind: str, build: Callable[[Mapping[str, Any]], Network], made_by: str
) -> tuple[Network, Description]:
    """A network in evaluation mode, and what is known of it.

    Args:
        folder: that `save_model` wrote.
        kind: that the model must be of.
        build: the untrained network from the settings of the `Description`; any KeyError, TypeError, ValueError or RuntimeError
            counts as settings of another network.
        made_by: the command that writes such folders, for the message.

    Raises:
        InputFileError: if the folder holds no saved model of this kind, or one that is damaged or describes another network.
        ForeknowError: if a library is missing that the network is made of.
    """
    place = Path(folder)
    description = read_description(place)
    if description.kind != kind:
        message = f"{place}: is a model of kind {description.kind!r}, but one of kind {kind!r} is needed"
        raise InputFileError(message)
    try:
        network = build(description.settings)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        message = f"{place}: its settings describe no network of kind {kind!r}; give a folder that {made_by} wrote"
        raise InputFileError(message) from error
    load_weights(place, network, kind)
    return network.eval(), description
