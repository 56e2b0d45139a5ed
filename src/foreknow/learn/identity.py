"""What a training run is, in JSON: two runs are the same if these are equal."""

import hashlib
from functools import partial
from typing import Any

from torch import nn

from foreknow.learn.data import Data
from foreknow.learn.objectives import Objective


def describe(thing: object) -> str:
    """The class of an object and what it is made of, such as ``L2SP(strength=0.1)``.

    Of its public attributes those count that are numbers, texts or collections of them, data sets (by fingerprint) and objectives.
    """
    if isinstance(thing, partial):
        bound = [*map(repr, thing.args), *(f"{name}={value!r}" for name, value in sorted(thing.keywords.items()))]
        return f"{describe(thing.func)}({', '.join(bound)})"
    if hasattr(thing, "__qualname__"):
        return str(thing.__qualname__)
    public = [(name, value) for name, value in sorted(vars(thing).items()) if not name.startswith("_") and name != "training"]
    parts = [f"{name}={text}" for name, value in public if (text := _text(value)) is not None]
    return f"{type(thing).__qualname__}({', '.join(parts)})"


def layout(network: nn.Module) -> str:
    """A hash of the names, shapes and types of all tensors of a network, and of which are learned."""
    learned = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    rows = [(name, tuple(tensor.shape), str(tensor.dtype), name in learned) for name, tensor in network.state_dict().items()]
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:16]


def _text(value: Any) -> str | None:  # noqa: ANN401
    if isinstance(value, Data):
        return value.fingerprint()
    if isinstance(value, Objective):
        return describe(value)
    return repr(value) if _plain(value) else None


def _plain(value: Any) -> bool:  # noqa: ANN401
    if isinstance(value, (tuple, list)):
        return all(map(_plain, value))
    if isinstance(value, dict):
        return all(map(_plain, value.values()))
    return value is None or isinstance(value, (bool, int, float, str))
