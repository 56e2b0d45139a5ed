"""Minibatches of crops: another part of every item in every epoch."""

from collections.abc import Sequence

import torch
from torch import Tensor

from foreknow.errors import ShapeError
from foreknow.learn.data.base import Data
from foreknow.learn.data.example import Example, stack
from foreknow.learn.seeds import generator_of
from foreknow.shapes import Shape, as_shape


class RandomCrops(Data):
    """A part of each item, at a random place that depends on (seed, epoch, number) alone; data and truth are cut alike.

    Args:
        data: whose items are at least as large as the crops; they may differ in size.
        size: of the crops, along the last axes.
        crops: taken of each item in an epoch.
        seed: of the places.
    """

    def __init__(self, data: Data, size: int | Sequence[int], crops: int = 1, seed: int = 0) -> None:
        self.data = data
        self.size = as_shape(size)
        (self.crops,) = as_shape(crops)
        self.seed = seed

    def __len__(self) -> int:
        """Crops in an epoch."""
        return self.crops * len(self.data)

    def draw(self, indices: Sequence[int], epoch: int) -> Example:
        """The crops.

        Raises:
            ShapeError: if an item is smaller than the crops, or its truth is not shaped like it.
        """
        return stack([self._crop(index, epoch) for index in indices])

    def _crop(self, index: int, epoch: int) -> Example:
        whole = self.data.draw([index // self.crops], epoch)
        dims = len(self.size)
        available: Shape = tuple(whole.y.shape[1:][-dims:])
        if len(available) < dims or any(have < want for have, want in zip(available, self.size, strict=True)):
            message = f"crops of {self.size} do not fit item {index // self.crops} of shape {tuple(whole.y.shape[1:])}"
            raise ShapeError(message)
        whole.require_alike(slice(-dims, None))
        generator = generator_of("crop", self.seed, epoch, index)
        starts = [
            int(torch.randint(have - want + 1, (), generator=generator)) for have, want in zip(available, self.size, strict=True)
        ]

        def cut(tensor: Tensor) -> Tensor:
            part = tensor[0]
            for axis, (start, length) in enumerate(zip(starts, self.size, strict=True), start=part.ndim - dims):
                part = part.narrow(axis, start, length)
            return part

        return whole.mapped(cut)

    def fingerprint(self) -> str:
        """That of the whole items, and how they are cut."""
        return f"{self.crops} crops of {self.size}, seed {self.seed}, of {self.data.fingerprint()}"
