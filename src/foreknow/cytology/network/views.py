"""What the network learns from: views of fields, each as if the lamp were another one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from foreknow.cytology.background import reduced
from foreknow.errors import DataError
from foreknow.learn import Data, Example
from foreknow.learn.seeds import generator_of
from foreknow.simulate.fields import smooth_field, uniform

VIEW = 96
_KEPT = 192  # pixels of the shorter side that are kept of a field
_SHARE = (0.55, 1.0)  # of the shorter side that a view shows
_LIGHT, _CAST, _NOISE = (0.0, 0.22), 0.06, (0.0, 0.006)  # optical density


class FieldViews(Data):
    """Squares of fields at a random place, turned and mirrored, under added light, cast and noise, which density adds up.

    Args:
        fields: (channels, height, width) optical density each, with one number of channels.
        views: of each field in an epoch.
        seed: of places and lights.

    Raises:
        DataError: if there is no field.
    """

    def __init__(self, fields: Sequence[Tensor], views: int = 4, seed: int = 0) -> None:
        if not fields:
            message = "there is no image to learn from; give a folder with PNG, JPEG or TIFF images of fields"
            raise DataError(message)
        self.views, self.seed = views, seed
        self._fields = [reduced(one[None], max(1, min(one.shape[1:]) // _KEPT))[0] for one in fields]

    def __len__(self) -> int:
        """Views in an epoch."""
        return self.views * len(self._fields)

    def draw(self, indices: Sequence[int], epoch: int) -> Example:
        """The views, (n, channels, 96, 96)."""
        return Example(torch.stack([self._view(index, epoch) for index in indices]))

    def fingerprint(self) -> str:
        """A hash of all fields."""
        digest = hashlib.sha256()
        for one in self._fields:
            digest.update(one.contiguous().numpy().tobytes())
        return f"{self.views} views of fields sha256:{digest.hexdigest()}, seed {self.seed}"

    def _view(self, index: int, epoch: int) -> Tensor:
        generator = generator_of("view of a smear", self.seed, epoch, index)
        field = self._fields[index // self.views]
        side = max(2, int(uniform(_SHARE, generator) * min(field.shape[1:])))
        top, left = (int(torch.randint(size - side + 1, (), generator=generator)) for size in field.shape[1:])
        square = field[None, :, top : top + side, left : left + side]
        seen = functional.interpolate(square, (VIEW, VIEW), mode="bilinear", align_corners=False, antialias=True)[0]
        turns, mirrored = torch.randint(4, (2,), generator=generator).tolist()
        seen = torch.rot90(seen, turns, dims=(1, 2))
        seen = seen.flip(2) if mirrored % 2 else seen
        light = smooth_field((VIEW, VIEW), VIEW / 6, generator)
        light = uniform(_LIGHT, generator) * (light.amax() - light) / (light.amax() - light.amin()).clamp_min(1e-6)
        cast = _CAST * torch.rand(len(seen), 1, 1, generator=generator)
        noise = uniform(_NOISE, generator) * torch.randn(seen.shape, generator=generator)
        return seen + light + cast + noise
