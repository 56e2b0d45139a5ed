"""Measurements of cells: where they are, how large, how round, how stained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import nnls
from torch import Tensor

from foreknow.cytology.nuclei import Nuclei
from foreknow.cytology.runs import Runs
from foreknow.cytology.simulate import DYES, PAPANICOLAOU


@dataclass(frozen=True, slots=True)
class CellRow:
    """One cell.

    Attributes:
        label: in the label image.
        x: of the centroid, pixels from the left.
        y: from the top.
        left: of its box, pixels.
        top: likewise.
        right: first column that is no more in it.
        bottom: first row likewise.
        area_px: pixels.
        area_um2: square micrometres; None where the size of a pixel is not known.
        perimeter_px: of its outline.
        circularity: 4 pi area / perimeter^2, 1 for a disc.
        touches_border: whether it is cut by the border of the image.
        nuclei: that lie in it.
        nucleus_px: their area.
        nucleus_cytoplasm_ratio: their area over that of the rest; None without a nucleus.
        density: mean optical density of each channel above the background.
        stains: mean amount of each dye, optical density along its colour; empty for grey images.
    """

    label: int
    x: float
    y: float
    left: int
    top: int
    right: int
    bottom: int
    area_px: int
    area_um2: float | None
    perimeter_px: float
    circularity: float
    touches_border: bool
    nuclei: int
    nucleus_px: int
    nucleus_cytoplasm_ratio: float | None
    density: tuple[float, ...]
    stains: tuple[float, ...]


@dataclass(frozen=True)
class TypicalCell:
    """Medians over cells, to six digits; None where there is nothing to take them of.

    Attributes:
        area: square micrometres where the pixel size is known, else pixels.
        nucleus_cytoplasm_ratio: of cells with a nucleus.
    """

    area: float | None
    nucleus_cytoplasm_ratio: float | None


def typical_cell(rows: Sequence[CellRow]) -> TypicalCell:
    """The medians of measured cells."""
    areas = [row.area_px if row.area_um2 is None else row.area_um2 for row in rows]
    ratios = [row.nucleus_cytoplasm_ratio for row in rows if row.nucleus_cytoplasm_ratio is not None]
    return TypicalCell(_median(areas), _median(ratios))


def _median(values: Sequence[float]) -> float | None:
    return float(f"{np.median(values):.6g}") if values else None


def measure_cells(cells: NDArray[np.int32], nuclei: Nuclei, density: Tensor, pixel_um: float | None = None) -> list[CellRow]:
    """Measure every cell, in order of labels.

    Args:
        cells: (height, width) labels.
        nuclei: of the field.
        density: (channels, height, width) optical density above the background.
        pixel_um: side of a pixel, micrometres, if known.
    """
    count = int(cells.max(initial=0))
    if not count:
        return []
    sums = _Sums.of(cells, density, count)
    around = perimeters(cells, count)
    nuclear = np.bincount(cells[nuclei.labels > 0], minlength=count + 1)
    owners = np.zeros(count + 1, dtype=int)
    for x, y in nuclei.centres.round().astype(int):
        owners[cells[min(y, cells.shape[0] - 1), min(x, cells.shape[1] - 1)]] += 1
    rows = []
    for label, place in enumerate(ndimage.find_objects(cells), start=1):
        if place is None:
            continue
        (top, bottom), (left, right) = ((one.start, one.stop) for one in place)
        area, outline, inside = int(sums.area[label]), float(around[label]), int(nuclear[label])
        mean = sums.density[:, label] / area
        rows.append(
            CellRow(
                label=label,
                x=float(sums.column[label] / area),
                y=float(sums.row[label] / area),
                left=left,
                top=top,
                right=right,
                bottom=bottom,
                area_px=area,
                area_um2=None if pixel_um is None else area * pixel_um**2,
                perimeter_px=outline,
                circularity=min(1.0, 4 * math.pi * area / outline**2) if outline > 0 else 1.0,
                touches_border=left == 0 or top == 0 or right == cells.shape[1] or bottom == cells.shape[0],
                nuclei=int(owners[label]),
                nucleus_px=inside,
                nucleus_cytoplasm_ratio=inside / (area - inside) if 0 < inside < area else None,
                density=tuple(float(value) for value in mean),
                stains=stain_amounts(mean),
            )
        )
    return rows


@dataclass(frozen=True)
class _Sums:
    """Sums over the pixels of each label, (n + 1,) and for the density (channels, n + 1)."""

    area: NDArray[np.int64]
    row: NDArray[np.float64]
    column: NDArray[np.float64]
    density: NDArray[np.float64]

    @classmethod
    def of(cls, cells: NDArray[np.int32], density: Tensor, count: int) -> _Sums:
        runs = Runs.of(cells)
        rows, columns = np.divmod(runs.starts, cells.shape[1])
        middles = columns + (runs.lengths - 1) / 2
        planes = [runs.by_label(runs.sums(plane.clamp_min(0).numpy()), count) for plane in density]
        down, right = (runs.by_label(place * runs.lengths, count) for place in (rows, middles))
        return cls(runs.areas(count), down, right, np.stack(planes))


def perimeters(cells: NDArray[np.int32], count: int) -> NDArray[np.float64]:
    """Lengths of the outlines of labels 1 to n, (n + 1,): a line through the centres of border pixels (Benkrid et al. 2000).

    Args:
        cells: (height, width) labels.
        count: the largest of them.
    """
    height, wide = cells.shape[0] + 2, cells.shape[1] + 2
    padded = np.zeros((height, wide), dtype=cells.dtype)
    padded[1:-1, 1:-1] = cells
    edge = np.zeros(padded.shape, dtype=bool)
    across, down = padded[:, 1:] != padded[:, :-1], padded[1:] != padded[:-1]
    edge[:, 1:] = across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    edge &= padded > 0
    place = np.flatnonzero(edge)
    flat, borders = padded.ravel(), edge.ravel()
    own = flat[place]
    near = [sum((borders[place + at] & (flat[place + at] == own)).astype(np.int8) for at in ats) for ats in _steps(wide)]
    return np.bincount(own, weights=_LENGTHS[near[0], near[1]], minlength=count + 1).astype(np.float64)


_LENGTHS = np.zeros((5, 5))  # by how many border pixels lie beside one and how many at its corners
_LENGTHS[2:4, 0:3] = 1.0
_LENGTHS[0, 2] = _LENGTHS[1, 3] = math.sqrt(2)
_LENGTHS[1, 1:3] = (1 + math.sqrt(2)) / 2


def _steps(wide: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return (-wide, wide, -1, 1), (-wide - 1, -wide + 1, wide - 1, wide + 1)


def stain_amounts(density: NDArray[np.float64]) -> tuple[float, ...]:
    """Amounts of the dyes of a Papanicolaou stain in a mean density of red, green and blue, by non-negative least squares.

    Of four dyes in three channels the sparsest mixture that explains the colour is a choice, not a measurement of each dye.
    """
    if len(density) != 3:
        return ()
    amounts, _ = nnls(_unit_dyes(), np.maximum(density, 0))
    return tuple(float(amount) for amount in amounts)


@cache
def _unit_dyes() -> NDArray[np.float64]:
    """Columns of length 1, (channels, dyes)."""
    vectors = np.array(PAPANICOLAOU)
    return np.asarray((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).T)


def columns(channels: int) -> list[str]:
    """Headings of a table of cells of so many channels."""
    names = ("red", "green", "blue") if channels == 3 else ("grey",)
    plain = [one.name for one in fields(CellRow) if one.name not in {"density", "stains"}]
    stains = [f"mean_od_{dye.replace(' ', '_')}" for dye in DYES] if channels == 3 else []
    return [*plain, *(f"mean_od_{name}" for name in names), *stains]


def record(row: CellRow) -> dict[str, int | float | None]:
    """A row under the headings of `columns`, numbers in six digits at most."""
    values: list[int | float | None] = [getattr(row, one.name) for one in fields(CellRow) if one.name not in {"density", "stains"}]
    values += [*row.density, *row.stains]
    shown = [float(f"{value:.6g}") if isinstance(value, float) else value for value in values]
    return dict(zip(columns(len(row.density)), [int(v) if isinstance(v, bool) else v for v in shown], strict=True))
