"""Walking through the state of an algorithm: every tensor of nested tuples and dataclasses."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

StateT = TypeVar("StateT")


def select_items(chosen: Tensor, yes: StateT, no: StateT) -> StateT:
    r"""The state of ``yes`` for the batch items that are chosen, that of ``no`` for the others.

    Args:
        chosen: (\*batch,), boolean.
        yes: a state; tensors in it that have no batch axes, and what is no tensor, are taken over.
        no: another state of the same structure.
    """
    batch = tuple(chosen.shape)

    def pick(one: Tensor, other: Tensor) -> Tensor:
        if tuple(one.shape[: len(batch)]) != batch:
            return one
        mask = chosen.reshape(batch + (1,) * (one.ndim - len(batch)))
        return torch.where(mask, one, other)

    return _zipped(pick, yes, no)


def _zipped(function: Callable[[Tensor, Tensor], Tensor], one: Any, other: Any) -> Any:  # noqa: ANN401  (a state is any nest)
    if isinstance(one, Tensor):
        return function(one, other)
    if isinstance(one, tuple):
        return tuple(_zipped(function, first, second) for first, second in zip(one, other, strict=True))
    if dataclasses.is_dataclass(one) and not isinstance(one, type):
        changes = {
            field.name: _zipped(function, getattr(one, field.name), getattr(other, field.name)) for field in dataclasses.fields(one)
        }
        return dataclasses.replace(one, **changes)
    return one
