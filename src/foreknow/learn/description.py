"""What is to be known of a saved model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any


def _version() -> str:
    try:
        return version("foreknow")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0+unknown"


@dataclass(frozen=True, kw_only=True)
class Description:
    """What is to be known of a saved model.

    Attributes:
        kind: what it is made for, such as "lung separation"; loading asks for it.
        formula: the declared model, as `print(model)` shows it; empty for a network without one.
        settings: all that is needed to build the network again, as JSON.
        training: how it was trained, as JSON (`Settings.decisive()`, objective, guards).
        data: fingerprint of the training data (`Data.fingerprint()`).
        metrics: what was measured of it, by name.
        purpose: for the card: what it is for and what it is not for.
        foreknow: version that made it.
    """

    kind: str
    formula: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    data: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    purpose: str = ""
    foreknow: str = field(default_factory=_version)

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Description":
        """What `as_json` gave; other entries are not looked at.

        Raises:
            KeyError: if an entry is missing.
            TypeError: if one has another type.
        """
        texts = {name: content[name] for name in ("kind", "formula", "data", "purpose", "foreknow")}
        tables = {name: content[name] for name in ("settings", "training", "metrics")}
        for name, value in texts.items():
            if not isinstance(value, str):
                raise TypeError(name)
        for name, value in tables.items():
            if not isinstance(value, dict):
                raise TypeError(name)
        if not all(isinstance(value, (int, float)) for value in tables["metrics"].values()):
            name = "metrics"
            raise TypeError(name)
        return cls(**texts, **tables)
