"""What a user may set about finding cells, with defaults that work."""

from dataclasses import dataclass

from foreknow.errors import ParameterError


@dataclass(frozen=True)
class DetectSettings:
    """How cells are found.

    Attributes:
        side: pixels of the longer side at which the background is found.
        order: largest frequency of the light, half periods over a field.
        tint: likewise of its colour.
        depth: weight of the cells in each round, standard deviations of the noise; small in the first, so that the background
            passes below where little of it is seen.
        rigidity: weight of the background's nuclear norm in each round, in units of the force that cells all over a field would
            have on it.
        glint: of what is brighter than the background, standard deviations of the noise.
        texture: a pixel is uneven whose square about its surroundings is this many times that of the noise, as in cells, and
        dense: share of uneven pixels around that tells cells from light.
        tolerance: relative duality gap to which the last round is solved.
        max_iterations: of the solver in it.
        smoothing: standard deviation with which densities are smoothed before the threshold, pixels.
        level: a pixel of a cell has this many standard deviations of the noise of the background, and
        peak: its connected part so many somewhere.
        slender: what is thinner than this part of a cell's inscribed radius is no cell but a scratch, and
        small: a part that nowhere is as thick as this is debris, if it has no nucleus.
        nucleus_contrast: of a nucleus with what is around it, as a part of the median of the clearest ones.
        least_contrast: optical density that it has at least.

    Raises:
        ParameterError: if a number is out of range.
    """

    side: int = 96
    order: int = 8
    tint: int = 2
    depth: tuple[float, ...] = (0.1, 0.1, 0.3, 1.0, 1.0)
    rigidity: tuple[float, ...] = (0.25, 0.25, 0.2, 0.1, 0.05)
    glint: float = 4.0
    texture: float = 9.0
    dense: float = 0.25
    tolerance: float = 1e-2
    max_iterations: int = 400
    smoothing: float = 1.0
    level: float = 4.0
    peak: float = 8.0
    slender: float = 0.08
    small: float = 0.25
    nucleus_contrast: float = 0.5
    least_contrast: float = 0.08

    def __post_init__(self) -> None:
        numbers = (*self.depth, *self.rigidity, self.glint, self.texture, self.dense, self.tolerance, self.level, self.peak)
        if not (min(numbers) > 0 and self.max_iterations >= 1 and len(self.depth) == len(self.rigidity) > 0):
            message = f"weights, levels and tolerances must be above 0 and the rounds of depth and rigidity alike, not {self}"
            raise ParameterError(message)
        if self.side < 32 or self.order < 1 or self.tint < 0 or min(self.smoothing, self.slender, self.small) < 0:
            message = f"the background needs 32 pixels a side and frequencies of 1 or more, widths 0 or more, not {self}"
            raise ParameterError(message)
