"""One field: background, cells, nuclei."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foreknow.cytology.bands import smoothed
from foreknow.cytology.density import light_of, optical_density_of
from foreknow.cytology.finder import BackgroundFinder, FoundBackground, SolvedBackground
from foreknow.cytology.nuclei import Nuclei, NucleusLook, find_nuclei
from foreknow.cytology.region import cell_region, dark_region, density_noise
from foreknow.cytology.settings import DetectSettings
from foreknow.cytology.split import split_cells


@dataclass(frozen=True)
class Detection:
    """What was found in a field.

    Attributes:
        density: (channels, height, width) float32 optical density above the background; 0 or more where cells are.
        cells: (height, width) int32, 0 where there is none.
        nuclei: of the field.
        debris: (height, width) bool, what is stained or dark and no cell.
        noise: (channels,) of the smoothed density where no cell is.
        radius: inscribed radius of a typical cell, pixels.
        settings: how it was found.
        found_background: empty glass, and how sure it is.
    """

    density: Tensor = field(repr=False)
    cells: NDArray[np.int32] = field(repr=False)
    nuclei: Nuclei = field(repr=False)
    debris: NDArray[np.bool_] = field(repr=False)
    noise: Tensor
    radius: float
    settings: DetectSettings
    found_background: FoundBackground = field(repr=False)

    @property
    def background(self) -> Tensor:
        """(channels, height, width) float32 optical density of empty glass."""
        return self.found_background.surface

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(height, width), where cells are."""
        return self.cells > 0

    @property
    def cell_layer(self) -> Tensor:
        """(channels, height, width) optical density of the cells, exactly 0 elsewhere."""
        return self.density.clamp_min(0) * torch.as_tensor(self.mask)

    @property
    def without_background(self) -> Tensor:
        """The cells alone on white, (height, width[, channels]) uint8."""
        return light_of(self.cell_layer)

    @property
    def background_image(self) -> Tensor:
        """The empty glass, (height, width[, channels]) uint8."""
        return light_of(self.background)


def detect(
    image: Tensor | NDArray[np.generic],
    settings: DetectSettings | None = None,
    finder: BackgroundFinder | None = None,
    name: str = "the image",
) -> Detection:
    """Find the cells of one field.

    Example:
        >>> from foreknow.cytology import detect
        >>> from foreknow.cytology.simulate import SmearSettings, simulate_smear
        >>> smear = simulate_smear(SmearSettings(height=192, width=192, cells=3))
        >>> found = detect(smear.image)
        >>> found.mask.shape
        (192, 192)

    Args:
        image: (height, width) or (height, width, 3) of uint8, uint16, or floats within 0 and 1.
        settings: how to find them.
        finder: of the background; the solver if None.
        name: what sentences call the image.

    Raises:
        ShapeError: if it is neither grey nor colour.
        DataError: if it is too small, constant or not finite.
    """
    settings = settings or DetectSettings()
    with torch.no_grad():
        pixels = image if isinstance(image, Tensor) else torch.as_tensor(np.require(image, requirements=["W", "C"]))
        density = optical_density_of(pixels, name)
        background = (finder or SolvedBackground()).find(density, settings)
        return detect_on(density.sub_(background.surface), background, settings)


@dataclass(frozen=True, slots=True)
class FieldScale:
    """What is known of a whole slide, so that all its tiles are judged alike.

    Attributes:
        noise: (channels,) of the smoothed density where no cell is.
        radius: inscribed radius of a typical cell, pixels.
        look: of nuclei.
        thickness: of what touches, pixels; 0 where it is not known.
    """

    noise: Tensor
    radius: float
    look: NucleusLook | None
    thickness: float = 0.0


def detect_on(above: Tensor, background: FoundBackground, settings: DetectSettings, scale: FieldScale | None = None) -> Detection:
    """Find the cells of a field whose background is known and taken away.

    Args:
        above: (channels, height, width) optical density above the background.
        background: of the field.
        settings: how to find them.
        scale: of the slide that it belongs to; its own if None.
    """
    smooth = smoothed(above, settings.smoothing)
    noise = density_noise(smooth) if scale is None else scale.noise
    dark, dust = dark_region(smooth, noise, above, settings)
    nuclei = find_nuclei(above, smooth, float(noise.amax()), settings, None if scale is None else scale.look, dark)
    parts, debris, radius = cell_region(dark, nuclei, settings, above, None if scale is None else scale.radius)
    cells = split_cells(parts, nuclei, radius, 0.0 if scale is None else scale.thickness)
    return Detection(above, cells, nuclei, debris | dust, noise, radius, settings, background)
