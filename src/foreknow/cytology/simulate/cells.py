"""Kinds of cells, and what varies within each."""

from dataclasses import dataclass

from foreknow.errors import ParameterError


@dataclass(frozen=True, slots=True)
class CellKind:
    """A kind of cell; ranges are drawn from evenly for each cell.

    Attributes:
        name: of the kind.
        share: of all cells, relative to the other kinds.
        diameter: of the flat cytoplasm, micrometres.
        nucleus: its diameter, micrometres.
        density: optical density of the cytoplasm (unit dye vectors; by lbc and edf fields, single layers 0.1 to 0.4).
        nucleus_density: of the nucleus beyond its cytoplasm.
        dyes: relative amounts of hematoxylin, eosin, light green and orange G in the cytoplasm.
        corners: 0 is round, 1 polygonal.
        elongation: largest ratio of axes.

    Raises:
        ParameterError: if a range is not in order or the nucleus is larger than the cell.
    """

    name: str
    share: float
    diameter: tuple[float, float]
    nucleus: tuple[float, float]
    density: tuple[float, float]
    nucleus_density: tuple[float, float]
    dyes: tuple[float, float, float, float]
    corners: float = 1.0
    elongation: float = 1.5

    def __post_init__(self) -> None:
        ranges = (self.diameter, self.nucleus, self.density, self.nucleus_density)
        ordered = all(0 < low <= high for low, high in ranges) and self.nucleus[1] < self.diameter[0]
        if not (ordered and self.share >= 0 and self.elongation >= 1 and 0 <= self.corners <= 1):
            message = f"a kind of cell needs positive ranges in order and a nucleus smaller than the cell, not {self}"
            raise ParameterError(message)


SUPERFICIAL = CellKind("superficial", 0.3, (44, 60), (5.5, 7.0), (0.10, 0.34), (0.9, 1.4), (0.06, 0.85, 0.04, 0.05))
"""Mature squamous cells: large, polygonal, pink, with a small dense nucleus."""

INTERMEDIATE = CellKind("intermediate", 0.5, (40, 58), (7.5, 10.0), (0.08, 0.30), (0.6, 1.0), (0.22, 0.06, 0.72, 0.0))
"""Squamous cells of the middle layers: large, polygonal, blue-green, nucleus of 8 to 10 micrometres."""

PARABASAL = CellKind("parabasal", 0.12, (18, 30), (7.5, 10.5), (0.3, 0.6), (0.6, 1.0), (0.28, 0.04, 0.68, 0.0), 0.3, 1.7)
"""Small round cells of the lower layers: denser, with a large nucleus."""

KERATINISED = CellKind("keratinised", 0.05, (36, 55), (4.5, 6.5), (0.25, 0.5), (0.5, 1.0), (0.03, 0.35, 0.0, 0.62), 0.8, 2.2)
"""Horny cells: orange, often long."""

KINDS = (SUPERFICIAL, INTERMEDIATE, PARABASAL, KERATINISED)
"""Sizes: cytoplasm 20 to 60 and nuclei 6 to 12 micrometres in squamous cytology; densities by lbc and edf fields."""
