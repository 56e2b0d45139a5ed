"""What is known of each drawn cell."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class CellMeasurements:
    """A cell as far as it lies in the field.

    Attributes:
        label: in the label images.
        kind: of cell.
        x: centre, pixels to the right.
        y: centre, pixels down.
        left: of its box, pixels; and ``top``, ``right``, ``bottom`` (the last two exclusive).
        top: pixels.
        right: pixels.
        bottom: pixels.
        area_um2: of the whole cell, square micrometres.
        nucleus_um2: of its nucleus that is not hidden by another.
        overlap: share of its area that other cells overlap.
        whole: whether it lies inside the field (no pixel on the border).
    """

    label: int
    kind: str
    x: float
    y: float
    left: int
    top: int
    right: int
    bottom: int
    area_um2: float
    nucleus_um2: float
    overlap: float
    whole: bool

    @property
    def nucleus_ratio(self) -> float:
        """Area of the nucleus over that of the cytoplasm."""
        return self.nucleus_um2 / max(1e-9, self.area_um2 - self.nucleus_um2)


def measure_cells(layers: Tensor, nuclei: Tensor, kinds: Sequence[str], pixel: float) -> tuple[CellMeasurements, ...]:
    """Measure all cells.

    Args:
        layers: (layers, height, width) labels.
        nuclei: (height, width) labels.
        kinds: of the cell of label 1, 2, ...
        pixel: micrometres.
    """
    crowded = (layers > 0).sum(dim=0) > 1
    height, width = nuclei.shape
    rows = []
    for label, kind in enumerate(kinds, start=1):
        mask = (layers == label).any(dim=0)
        place = mask.nonzero()
        if not len(place):
            continue
        top, left = place.amin(dim=0).tolist()
        bottom, right = (place.amax(dim=0) + 1).tolist()
        y, x = place.float().mean(dim=0).tolist()
        area, nucleus = len(place), int((nuclei == label).sum())
        shared = float((crowded & mask).sum() / area)
        whole = top > 0 and left > 0 and bottom < height and right < width
        rows.append(
            CellMeasurements(label, kind, x, y, left, top, right, bottom, area * pixel**2, nucleus * pixel**2, shared, whole)
        )
    return tuple(rows)
