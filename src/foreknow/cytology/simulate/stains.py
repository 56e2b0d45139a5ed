"""Dyes: which colour each takes out of white light (Beer-Lambert), and how the colour varies between slides."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import ParameterError

DYES = ("hematoxylin", "eosin", "light green", "orange G")
"""The dyes of a Papanicolaou stain that bind (Bismarck brown does not bind to these cells; multispectral JMI 12:017501)."""

PAPANICOLAOU: tuple[tuple[float, float, float], ...] = (
    (0.71, 0.59, 0.38),
    (0.20, 0.82, 0.53),
    (0.88, 0.37, 0.30),
    (0.08, 0.36, 0.93),
)
"""Optical densities in red, green and blue for each dye, by the colours of nuclei and cytoplasm in liquid-based fields (Mendeley
10.17632/jks43dkjj7.1); hematoxylin is near Ruifrok's (0.65, 0.70, 0.29)."""


@dataclass(frozen=True, slots=True)
class StainSettings:
    """Colours of the dyes and their variation.

    Attributes:
        vectors: optical density in red, green and blue, one row a dye of `DYES`; made to unit length.
        jitter: standard deviation of the angle by which a dye's vector differs between slides, degrees (choice: 5).
        strength: standard deviation of the log of a dye's amount between slides (choice).

    Raises:
        ParameterError: if there is not one non-negative vector for each dye.
    """

    vectors: tuple[tuple[float, float, float], ...] = PAPANICOLAOU
    jitter: float = 5.0
    strength: float = 0.2

    def __post_init__(self) -> None:
        fits = len(self.vectors) == len(DYES) and all(len(row) == 3 and min(row) >= 0 and max(row) > 0 for row in self.vectors)
        if not (fits and self.jitter >= 0 and self.strength >= 0):
            message = f"stains need {len(DYES)} non-negative vectors of 3 and variations of 0 or more, not {self}"
            raise ParameterError(message)


def draw_stains(settings: StainSettings, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    """The stains of one slide: unit vectors (dyes, 3) turned by a random angle, and strengths (dyes,)."""
    vectors = torch.tensor(settings.vectors, dtype=torch.float32)
    vectors = vectors / vectors.norm(dim=1, keepdim=True)
    aside = torch.randn(vectors.shape, generator=generator)
    aside = aside - (aside * vectors).sum(1, keepdim=True) * vectors
    aside = aside / aside.norm(dim=1, keepdim=True)
    angle = math.radians(settings.jitter) * torch.randn(len(vectors), 1, generator=generator).clamp(-2, 2)
    turned = (angle.cos() * vectors + angle.sin() * aside).clamp_min(0.01)
    strength = torch.exp(settings.strength * torch.randn(len(vectors), generator=generator))
    return turned / turned.norm(dim=1, keepdim=True), strength


def optical_density(amounts: Tensor, vectors: Tensor) -> Tensor:
    """Optical density (..., 3, height, width) of amounts (..., dyes, height, width): a sum, since dyes do not interact."""
    return torch.einsum("...dhw,dc->...chw", amounts, vectors)
