"""Ways to find the background of a field: the solver of the model, or a network trained on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from torch import Tensor

from foreknow.cytology.background import fit_background
from foreknow.cytology.settings import DetectSettings


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
    """

    model: str | None = None

    @abstractmethod
    def find(self, density: Tensor, settings: DetectSettings) -> FoundBackground:
        """The background of (channels, height, width)."""


class SolvedBackground(BackgroundFinder):
    """The model solved for each field by itself."""

    def find(self, density: Tensor, settings: DetectSettings) -> FoundBackground:
        """`fit_background` of one field."""
        fitted = fit_background(density[None], settings)
        notices: tuple[str, ...] = ()
        if fitted.certificate > settings.tolerance:
            notices = (f"the solver of the background stopped at a relative duality gap of {fitted.certificate:.1g}",)
        return FoundBackground(fitted.of(0), fitted.certificate, notices)
