"""Short films out of long ones: some frames of one scene make an item."""

from collections.abc import Sequence

import torch

from foreknow.errors import ParameterError, ShapeError
from foreknow.learn.data.base import Data
from foreknow.learn.data.example import Example, stack
from foreknow.learn.seeds import generator_of


class RandomFrames(Data):
    """Some frames of each item, other ones in every epoch; an item is one scene, one patient, one run, (T, *frame).

    What is low-rank within a scene is not across scenes: frames of different items never come into one. The frames are in order of
    time, and evenly spread over a random part of the film, so that slow changes are seen as well as fast ones.

    Args:
        data: films, which may differ in length; data and truth are cut alike. Wrap it in `RandomCrops` where frames differ in size.
        frames: of an item.
        items: taken of each film in an epoch.
        seed: of the choice.

    Raises:
        ParameterError: if a number is not positive.
    """

    def __init__(self, data: Data, frames: int, items: int = 1, seed: int = 0) -> None:
        if frames < 1 or items < 1:
            message = f"the numbers of frames and of items must be positive, not {frames} and {items}"
            raise ParameterError(message)
        self.data = data
        self.frames = frames
        self.items = items
        self.seed = seed

    def __len__(self) -> int:
        """Items in an epoch."""
        return self.items * len(self.data)

    def draw(self, indices: Sequence[int], epoch: int) -> Example:
        """The frames.

        Raises:
            ShapeError: if a film is too short, or its truth has another length.
        """
        return stack([self._choose(index, epoch) for index in indices])

    def _choose(self, index: int, epoch: int) -> Example:
        film = self.data.draw([index // self.items], epoch)
        length = film.y.shape[1] if film.y.ndim > 1 else 0
        if length < self.frames:
            message = f"film {index // self.items} has {length} frames, fewer than the {self.frames} of an item"
            raise ShapeError(message)
        film.require_alike(slice(1))
        generator = generator_of("frames", self.seed, epoch, index)
        span = int(torch.randint(self.frames, length + 1, (), generator=generator))
        first = int(torch.randint(length - span + 1, (), generator=generator))
        chosen = first + torch.arange(self.frames) * span // self.frames

        return film.mapped(lambda tensor: tensor[0][chosen])

    def fingerprint(self) -> str:
        """That of the films, and how they are cut."""
        return f"{self.items} times {self.frames} frames, seed {self.seed}, of {self.data.fingerprint()}"
