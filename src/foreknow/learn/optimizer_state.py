"""The state of any optimiser of torch as named tensors and JSON."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from foreknow.errors import InputFileError


def pack_optimizer(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors by ``parameter.name``, and all that is no tensor, as JSON.

    Raises:
        TypeError: if the optimiser keeps something that is neither tensor, number, text nor None.
    """
    state = optimizer.state_dict()
    tensors: dict[str, Tensor] = {}
    plain: dict[str, dict[str, Any]] = {}
    for index, values in state["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"{index}.{name}"] = value
            elif value is None or isinstance(value, (bool, int, float, str)):
                plain.setdefault(str(index), {})[name] = value
            else:
                message = f"{type(optimizer).__name__} keeps a {type(value).__name__} in its state, which no checkpoint can hold"
                raise TypeError(message)
    return tensors, {"plain": plain}


def unpack_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Put back what `pack_optimizer` gave; the hyper-parameters stay those of ``optimizer``.

    Raises:
        InputFileError: if it is that of another optimiser or network.
    """
    state: dict[int, dict[str, Any]] = {}
    for key, tensor in tensors.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = tensor
    for index, values in about["plain"].items():
        state.setdefault(int(index), {}).update(values)
    try:
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    except (ValueError, KeyError) as error:
        message = "the checkpoint was made with another optimiser; give the same one, or another folder"
        raise InputFileError(message) from error
