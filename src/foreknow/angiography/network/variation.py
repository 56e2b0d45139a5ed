"""Runs made a little other in every epoch: mirrored, turned, paler or darker vessels, coarser pixels, more noise."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

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
        coarse: half of the films are as if seen by pixels of up to this many times the edge and enlarged again, as small frames
            are before a network looks at them; where vessels are stays as sharp as it was.
        seed: of what is drawn.
    """

    def __init__(
        self, data: Data, contrast: tuple[float, float] = (0.7, 1.2), noise: float = 0.03, coarse: float = 2.0, seed: int = 0
    ) -> None:
        self.data = data
        self.contrast = contrast
        self.noise = noise
        self.coarse = coarse
        self.seed = seed

    def __len__(self) -> int:
        """Items in an epoch."""
        return len(self.data)

    def draw(self, indices: Sequence[int], epoch: int) -> Example:
        """The items, varied."""
        return stack([self._vary(index, epoch) for index in indices])

    def fingerprint(self) -> str:
        """That of the data, and how they are varied."""
        ranges = f"contrast {self.contrast}, noise {self.noise} and pixels of up to {self.coarse}"
        return f"varied by {ranges}, seed {self.seed}: {self.data.fingerprint()}"

    def _vary(self, index: int, epoch: int) -> Example:
        example = self.data.draw([index], epoch)
        generator = generator_of("varied", self.seed, epoch, index)
        factor = uniform(self.contrast, generator)
        sigma = uniform((0.0, self.noise), generator)
        turns, mirrored = int(torch.randint(4, (), generator=generator)), bool(torch.randint(2, (), generator=generator))
        coarse = uniform((1.0, self.coarse), generator) if bool(torch.randint(2, (), generator=generator)) else 1.0

        def turned(tensor: Tensor) -> Tensor:
            part = torch.rot90(tensor[0], turns, (-2, -1))
            return part.flip(-1) if mirrored else part

        truth = {name: turned(part) for name, part in example.truth.items()}
        size = truth[VESSELS].shape[-1]
        small = max(8, round(size / coarse))
        layer = resized_film(truth[VESSELS], small)
        y = resized_film(turned(example.y), small) + (factor - 1) * layer
        y = resized_film(y + sigma * torch.randn(y.shape, generator=generator), size)
        vessels = resized_film(factor * layer, size)
        return Example(y, {**truth, VESSELS: vessels, BACKGROUND: y - vessels})


def resized_film(film: Tensor, side: int) -> Tensor:
    """(T, height, width) -> (T, side, side); what is made smaller is averaged."""
    if film.shape[-1] == side:
        return film
    return functional.interpolate(film[:, None], (side, side), mode="bilinear", align_corners=False, antialias=True)[:, 0]
