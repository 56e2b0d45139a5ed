"""Runs made a little other in every epoch: mirrored, turned, paler or darker vessels, more noise."""

from collections.abc import Sequence

import torch
from torch import Tensor

from foreknow.angiography.network.training_runs import BACKGROUND, VESSELS
from foreknow.learn import Data, Example
from foreknow.learn.data.example import stack
from foreknow.learn.seeds import generator_of
from foreknow.simulate.fields import uniform


class Varied(Data):
    """Square films with known layers, varied.

    Args:
        data: films (T, side, side) with the truth of vessels and background.
        contrast: range of the factor of the vessels.
        noise: up to this standard deviation of white noise is added, attenuation.
        seed: of what is drawn.
    """

    def __init__(self, data: Data, contrast: tuple[float, float] = (0.7, 1.2), noise: float = 0.03, seed: int = 0) -> None:
        self.data = data
        self.contrast = contrast
        self.noise = noise
        self.seed = seed

    def __len__(self) -> int:
        """Items in an epoch."""
        return len(self.data)

    def draw(self, indices: Sequence[int], epoch: int) -> Example:
        """The items, varied."""
        return stack([self._vary(index, epoch) for index in indices])

    def fingerprint(self) -> str:
        """That of the data, and how they are varied."""
        return f"varied by contrast {self.contrast} and noise {self.noise}, seed {self.seed}: {self.data.fingerprint()}"

    def _vary(self, index: int, epoch: int) -> Example:
        example = self.data.draw([index], epoch)
        generator = generator_of("varied", self.seed, epoch, index)
        factor = uniform(self.contrast, generator)
        sigma = uniform((0.0, self.noise), generator)
        turns, mirrored = int(torch.randint(4, (), generator=generator)), bool(torch.randint(2, (), generator=generator))

        def turned(tensor: Tensor) -> Tensor:
            part = torch.rot90(tensor[0], turns, (-2, -1))
            return part.flip(-1) if mirrored else part

        truth = {name: turned(part) for name, part in example.truth.items()}
        more = (factor - 1) * truth[VESSELS]
        y = turned(example.y) + more
        y = y + sigma * torch.randn(y.shape, generator=generator)
        return Example(y, {**truth, VESSELS: truth[VESSELS] + more, BACKGROUND: y - truth[VESSELS] - more})
