"""Minibatches of views: crops of several sizes, brought to one."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from foreknow.errors import ParameterError, ShapeError
from foreknow.learn.data.base import Data
from foreknow.learn.data.example import Example, stack
from foreknow.learn.seeds import generator_of
from foreknow.shapes import as_shape


class RandomViews(Data):
    """A part of each item at a random place, magnified at random: as if seen from elsewhere, nearer or farther.

    All frames and channels of an item are cut alike, so that what is of low rank stays so, and so are data and truth. A network
    trained on views does not learn where in the image things are, and works with other cameras. What is seen depends on (seed,
    epoch, number) alone.

    Args:
        data: items with axes (*any, height, width), which may differ in size.
        size: (height, width) of the views, or one number for both.
        smallest: magnification; 1 is a crop, 0.5 shows twice as much in each direction.
        largest: magnification.
        views: taken of each item in an epoch.
        seed: of the places.

    Raises:
        ParameterError: if a number is out of range.
    """

    def __init__(
        self,
        data: Data,
        size: int | Sequence[int],
        smallest: float = 0.8,
        largest: float = 1.5,
        views: int = 1,
        seed: int = 0,
    ) -> None:
        edges = as_shape(size)
        if not 0 < smallest <= largest < float("inf") or views < 1 or len(edges) > 2:
            message = (
                "views need positive magnifications in order, a positive count and (height, width), "
                f"not {smallest} to {largest}, {views}, {size}"
            )
            raise ParameterError(message)
        self.data = data
        self.size = edges if len(edges) == 2 else (edges[0], edges[0])
        self.smallest = smallest
        self.largest = largest
        self.views = views
        self.seed = seed

    def __len__(self) -> int:
        """Views in an epoch."""
        return self.views * len(self.data)

    def draw(self, indices: Sequence[int], epoch: int) -> Example:
        """The views.

        Raises:
            ShapeError: if an item is smaller than the views, or its truth is not shaped like it.
        """
        return stack([self._view(index, epoch) for index in indices])

    def _view(self, index: int, epoch: int) -> Example:
        whole = self.data.draw([index // self.views], epoch)
        available = tuple(whole.y.shape[1:][-2:])
        widest = [max(2, round(edge / self.smallest)) for edge in self.size]
        if len(available) < 2 or available[0] < widest[0] or available[1] < widest[1]:
            message = (
                f"views of {self.size} at a magnification of {self.smallest:g} do not fit item {index // self.views} of shape "
                f"{tuple(whole.y.shape[1:])}"
            )
            raise ShapeError(message)
        whole.require_alike(slice(-2, None))
        generator = generator_of("view", self.seed, epoch, index)
        chance = torch.rand(3, generator=generator)
        scale = self.smallest * (self.largest / self.smallest) ** float(chance[0])
        cut = [max(2, round(edge / scale)) for edge in self.size]
        top, left = (int(c * (have - want + 1)) for c, have, want in zip(chance[1:], available, cut, strict=True))

        def seen(tensor: Tensor) -> Tensor:
            part = tensor[0][..., top : top + cut[0], left : left + cut[1]]
            flat = part.reshape(-1, 1, *cut)
            resized = functional.interpolate(flat, self.size, mode="bilinear", align_corners=False, antialias=True)
            return resized.reshape(*part.shape[:-2], *self.size)

        return whole.mapped(seen)

    def fingerprint(self) -> str:
        """That of the items, and how they are seen."""
        seen = f"{self.views} views of {self.size}, magnified {self.smallest} to {self.largest}, seed {self.seed}"
        return f"{seen}, of {self.data.fingerprint()}"
