"""A batch of data, with the truth where it is known."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from foreknow.errors import ShapeError


@dataclass(frozen=True)
class Example:
    """Data and what they are made of.

    Attributes:
        y: the data, (batch, *shape); a single item where a data set hands out single ones.
        truth: the signals A_i x_i by component name, shaped like y; empty where nothing is known.
    """

    y: Tensor
    truth: Mapping[str, Tensor] = field(default_factory=dict)

    def to(self, device: torch.device) -> "Example":
        """The same on another device."""
        return self.mapped(lambda tensor: tensor.to(device))

    def mapped(self, function: Callable[[Tensor], Tensor]) -> "Example":
        """Data and truth, each as ``function`` makes it."""
        return Example(function(self.y), {name: function(part) for name, part in self.truth.items()})

    def require_alike(self, axes: slice) -> None:
        """Check that truth and data have the same sizes along ``axes`` of an item, so that they can be cut alike.

        Raises:
            ShapeError: naming the component that has not.
        """
        for name, part in self.truth.items():
            if part.shape[1:][axes] != self.y.shape[1:][axes]:
                message = f"the true component {name!r} has shape {tuple(part.shape[1:])}, the data {tuple(self.y.shape[1:])}"
                raise ShapeError(message)

    def __len__(self) -> int:
        return len(self.y)


def stack(items: Sequence[Example]) -> Example:
    """One batch of single items.

    Raises:
        ShapeError: if they differ in shape, or in the components that are known.
    """
    first = items[0]
    if any(item.y.shape != first.y.shape for item in items):
        shapes = sorted({tuple(item.y.shape) for item in items})
        message = f"items of different shapes {shapes} do not make a batch; wrap the data in RandomCrops, or use a batch size of 1"
        raise ShapeError(message)
    if any(item.truth.keys() != first.truth.keys() for item in items):
        message = "some items of a batch have true components that others lack; give the same ones for all"
        raise ShapeError(message)
    truth = {name: torch.stack([item.truth[name] for item in items]) for name in first.truth}
    return Example(torch.stack([item.y for item in items]), truth)
