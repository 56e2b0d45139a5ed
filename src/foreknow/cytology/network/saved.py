"""Glass networks on disk: the one that comes with foreknow, and those that users train."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from foreknow.cytology.background import FORMULA
from foreknow.cytology.network.glass_network import GlassNetwork
from foreknow.errors import InputFileError
from foreknow.files import display_name
from foreknow.learn import Description, load_weights, read_description, save_model

KIND = "cytology glass"
PURPOSE = (
    "Finds the background of fields of stained smears in one pass, trained by the priors of the model without labels. A means of "
    "research, not a diagnosis."
)
SHIPPED = "shipped"


def save_network(folder: Path, network: GlassNetwork, **known: Any) -> None:  # noqa: ANN401
    """Write a trained network; ``known`` are further fields of its `Description`."""
    settings = {"filters": list(network.filters), "order": network.order, "tint": network.tint}
    save_model(folder, network, Description(kind=KIND, formula=FORMULA, purpose=PURPOSE, settings=settings, **known))


def load_network(folder: str | Path | None = None) -> tuple[GlassNetwork, Description]:
    """A network in evaluation mode and what is known of it.

    Args:
        folder: of the saved model; that which comes with foreknow if None.

    Raises:
        InputFileError: if the folder holds no saved model of this kind, or one that is damaged.
    """
    if folder is None:
        with resources.as_file(resources.files("foreknow.cytology") / "models" / "glass") as place:
            return _load(place)
    return _load(Path(folder))


def _load(place: Path) -> tuple[GlassNetwork, Description]:
    description = read_description(place)
    try:
        settings = description.settings
        network = GlassNetwork(tuple(map(int, settings["filters"])), int(settings["order"]), int(settings["tint"]))
    except (KeyError, TypeError, ValueError) as error:
        message = f"{display_name(place)} describes no network for smears; give a folder that foreknow cytology fit wrote"
        raise InputFileError(message) from error
    load_weights(place, network, KIND)
    return network.eval(), description
