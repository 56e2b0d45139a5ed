"""What is known of each drawn cell."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
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
    from scipy.ndimage import find_objects  # noqa: PLC0415

    crowded = (layers > 0).sum(dim=0) > 1
    height, width = nuclei.shape
    rows = []
    for layer in layers:
        for label, window in enumerate(find_objects(layer.numpy()), start=1):
            if window is None:
                continue
            mask = layer[window] == label
            (top, bottom), (left, right) = ((side.start, side.stop) for side in window)
            y, x = (mask.nonzero().float().mean(dim=0) + torch.tensor([top, left])).tolist()
            area, nucleus = int(mask.sum()), int((nuclei[window] == label).sum())
            shared = float((crowded[window] & mask).sum() / area)
            whole = top > 0 and left > 0 and bottom < height and right < width
            sizes = (area * pixel**2, nucleus * pixel**2)
            rows.append(CellMeasurements(label, kinds[label - 1], x, y, left, top, right, bottom, *sizes, shared, whole))
    return tuple(sorted(rows, key=lambda row: row.label))
