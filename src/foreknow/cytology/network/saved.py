"""Glass networks on disk: the one that comes with foreknow, and those that users train."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foreknow.cytology.background import FORMULA
from foreknow.cytology.network.glass_network import GlassNetwork
from foreknow.learn import Description, load_model, save_model, shipped_model

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
    place = shipped_model("foreknow.cytology", "glass") if folder is None else Path(folder)
    return load_model(place, KIND, _build, "foreknow cytology fit")


def _build(settings: Mapping[str, Any]) -> GlassNetwork:
    return GlassNetwork(tuple(map(int, settings["filters"])), int(settings["order"]), int(settings["tint"]))
