"""Measurements of nuclei: where they are, in which cell, how large, how dark."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from foreknow.cytology.nuclei import Nuclei


@dataclass(frozen=True, slots=True)
class NucleusRow:
    """One nucleus.

    Attributes:
        label: in the label image of nuclei.
        cell: label of the cell in which its centre lies; 0 for none.
        x: of the centre, pixels from the left.
        y: from the top.
        area_px: pixels.
        area_um2: square micrometres; None where the size of a pixel is not known.
        contrast: optical density beyond what is around it.
    """

    label: int
    cell: int
    x: float
    y: float
    area_px: int
    area_um2: float | None
    contrast: float


NUCLEUS_COLUMNS = tuple(one.name for one in fields(NucleusRow))


def measure_nuclei(nuclei: Nuclei, cells: NDArray[np.int32], pixel_um: float | None = None) -> list[NucleusRow]:
    """Every nucleus, in order of labels.

    Args:
        nuclei: of a field.
        cells: (height, width) labels of the cells.
        pixel_um: side of a pixel, micrometres, if known.
    """
    rows = []
    for label, ((x, y), area, contrast) in enumerate(zip(nuclei.centres, nuclei.areas, nuclei.contrast, strict=True), start=1):
        at = (min(round(y), cells.shape[0] - 1), min(round(x), cells.shape[1] - 1))
        size = None if pixel_um is None else float(area) * pixel_um**2
        rows.append(NucleusRow(label, int(cells[at]), float(x), float(y), int(area), size, float(contrast)))
    return rows


def nucleus_record(row: NucleusRow) -> dict[str, int | float | None]:
    """A row under the headings of `NUCLEUS_COLUMNS`, numbers in six digits at most."""
    values = {name: getattr(row, name) for name in NUCLEUS_COLUMNS}
    return {name: float(f"{value:.6g}") if isinstance(value, float) else value for name, value in values.items()}
