"""Smears as items of a data set that is simulated while a network trains."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from foreknow.cytology.simulate.smear import SmearSettings, simulate_smear


@dataclass(frozen=True)
class SmearItems:
    """Draws one field after the other for `foreknow.learn.Simulated`: ``Simulated(SmearItems(settings), size=100)``.

    ``y = cells + background + noise`` in optical density (log10) against full scale, except where the sensor is saturated.

    Attributes:
        settings: what is drawn.
        least_cells: the number of cells is drawn evenly from here to that of the settings.
    """

    settings: SmearSettings = field(default_factory=lambda: SmearSettings(height=256, width=256, cells=12))
    least_cells: int = 0

    def __call__(self, generator: torch.Generator) -> tuple[Tensor, Mapping[str, Tensor]]:
        """One field: (3, height, width) optical density of the image, and its ``cells`` and ``background``."""
        span = max(1, self.settings.cells - self.least_cells + 1)
        count = self.least_cells + int(torch.randint(span, (1,), generator=generator))
        smear = simulate_smear(replace(self.settings, cells=count), generator)
        seen = -(smear.image.movedim(-1, 0).float() / 255).clamp_min(0.5 / 255).log10()
        return seen, {"cells": smear.density, "background": smear.background}
