"""Data that lie in memory."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from foreknow.errors import ShapeError
from foreknow.learn.data.base import Data
from foreknow.learn.data.example import Example, stack


class Examples(Data):
    """Items of one shape.

    Args:
        y: the data, (count, *shape).
        truth: the signals A_i x_i by component name, (count, *shape); None where nothing is known.

    Raises:
        ShapeError: if there are no items, or a component does not have as many.
    """

    def __init__(self, y: Tensor, truth: Mapping[str, Tensor] | None = None) -> None:
        parts = dict(truth or {})
        if y.ndim < 1 or not len(y):
            message = f"data need a first axis of at least one item, but have shape {tuple(y.shape)}"
            raise ShapeError(message)
        for name, part in parts.items():
            if part.ndim < 1 or len(part) != len(y):
                message = f"the true component {name!r} has shape {tuple(part.shape)}, but there are {len(y)} items"
                raise ShapeError(message)
        self._all = Example(y, parts)

    def __len__(self) -> int:
        """The number of items."""
        return len(self._all)

    def draw(self, indices: Sequence[int], epoch: int) -> Example:  # noqa: ARG002
        """The items; the same in every epoch."""
        chosen = torch.tensor(indices)
        return Example(self._all.y[chosen], {name: part[chosen] for name, part in self._all.truth.items()})

    def fingerprint(self) -> str:
        """A hash of all values."""
        return _hash([self._all])


class UnequalExamples(Data):
    """Items of different shapes, such as recordings; they make batches after `RandomCrops`.

    Args:
        items: single items without a batch axis.

    Raises:
        ShapeError: if there are none.
    """

    def __init__(self, items: Sequence[Example]) -> None:
        if not items:
            message = "a data set needs at least one item"
            raise ShapeError(message)
        self._items = tuple(items)

    def __len__(self) -> int:
        """The number of items."""
        return len(self._items)

    def draw(self, indices: Sequence[int], epoch: int) -> Example:  # noqa: ARG002
        """The items, if they have one shape; the same in every epoch."""
        return stack([self._items[index] for index in indices])

    def fingerprint(self) -> str:
        """A hash of all values."""
        return _hash(self._items)


def _hash(examples: Iterable[Example]) -> str:
    digest = hashlib.sha256()
    for example in examples:
        for name, tensor in [("", example.y), *sorted(example.truth.items())]:
            digest.update(repr((name, tensor.dtype, tuple(tensor.shape))).encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return f"sha256:{digest.hexdigest()}"
