"""Ways to find the background of a field: the solver of the model, or a network trained on it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import final

from torch import Tensor

from foreknow.cytology.background import at_size, fit_coarse, reduced
from foreknow.cytology.settings import DetectSettings

_NOT_CLOSED = (
    "the solver of the background stopped at a relative duality gap of {:.1g}, as it does where hardly any glass is seen; look "
    "whether background.png is even, and if it is not, try --model shipped or a field with more glass"
)


@dataclass(frozen=True)
class FoundBackground:
    """The background of a field.

    Attributes:
        surface: (channels, height, width) float32 optical density.
        certificate: relative duality gap; None where there is none.
        notices: sentences for the user.
    """

    surface: Tensor = field(repr=False)
    certificate: float | None
    notices: tuple[str, ...] = ()


class BackgroundFinder(ABC):
    """From the optical density of a field to that of its empty glass.

    Attributes:
        model: name of the network; None for the solver.
        fingerprint: of what it knows.
    """

    model: str | None = None
    fingerprint: str = "solver"

    @abstractmethod
    def find_coarse(self, coarse: Tensor, settings: DetectSettings) -> FoundBackground:
        """The background of (channels, h, w) on the grid of the background, on that grid."""

    @final
    def find(self, density: Tensor, settings: DetectSettings) -> FoundBackground:
        """The background of (channels, height, width) in full size."""
        size = (density.shape[-2], density.shape[-1])
        found = self.find_coarse(reduced(density[None], max(1, math.ceil(max(size) / settings.side)))[0], settings)
        return replace(found, surface=at_size(found.surface, size))


class SolvedBackground(BackgroundFinder):
    """The model solved for each field by itself."""

    def find_coarse(self, coarse: Tensor, settings: DetectSettings) -> FoundBackground:
        """`fit_coarse` of one field."""
        fitted = fit_coarse(coarse[None], (coarse.shape[-2], coarse.shape[-1]), settings)
        notices: tuple[str, ...] = ()
        if fitted.certificate > settings.tolerance:
            notices = (_NOT_CLOSED.format(fitted.certificate),)
        return FoundBackground(fitted.surface[0], fitted.certificate, notices)
