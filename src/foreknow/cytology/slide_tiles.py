"""A slide in tiles with a halo, each judged by what holds for the whole slide."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from foreknow.cytology.detect import detect_on
from foreknow.cytology.finder import FoundBackground
from foreknow.cytology.measure import CellRow, measure_cells
from foreknow.cytology.measure_nuclei import NucleusRow, measure_nuclei
from foreknow.cytology.pictures import as_bytes, as_colour
from foreknow.cytology.settings import DetectSettings
from foreknow.cytology.slide_file import Slide
from foreknow.cytology.slide_scale import SlideScale, above_glass

CORE = 2048  # pixels of a tile without its halo
_HALO = (64, 320)
_RADII = 4.0  # inscribed radii that a halo has: as far as a cell reaches from its centre
_OVERVIEW = 2000  # pixels


@dataclass(frozen=True, slots=True)
class Tile:
    """A square of a slide.

    Attributes:
        number: in order of rows.
        top: first row of the core.
        left: first column of it.
        bottom: row after it.
        right: column after it.
    """

    number: int
    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True)
class Labelled:
    """A window of labels, no larger than it must be.

    Attributes:
        origin: top, left of the window in the slide.
        labels: (height, width) int32; without a pixel where there is nothing.
    """

    origin: tuple[int, int]
    labels: NDArray[np.int32] = field(repr=False)

    @property
    def place(self) -> tuple[slice, slice]:
        """Of the window in the slide."""
        (top, left), (height, width) = self.origin, self.labels.shape
        return slice(top, top + height), slice(left, left + width)

    @classmethod
    def of(cls, labels: NDArray[np.int32], origin: tuple[int, int]) -> Labelled:
        """The box of what is labelled."""
        boxes = ndimage.find_objects((labels > 0).astype(np.int8))
        if not boxes:
            return cls(origin, labels[:0, :0])
        rows, columns = boxes[0]
        return cls((origin[0] + rows.start, origin[1] + columns.start), labels[rows, columns])


@dataclass(frozen=True)
class TileCells:
    """The cells and nuclei whose centre lies in the core of a tile.

    Attributes:
        tile: that they are of.
        cells: their labels.
        rows: their measurements, in pixels of the slide.
        nuclei: their labels.
        nucleus_rows: their measurements, in pixels of the slide; the cell is not told.
        debris: pieces of debris whose centre is in the core.
        covered: pixels of cells in the core.
        shown: (h, w, 3) uint8, the core at the size of the overview.
    """

    tile: Tile
    cells: Labelled
    rows: list[CellRow] = field(repr=False)
    nuclei: Labelled
    nucleus_rows: list[NucleusRow] = field(repr=False)
    debris: int
    covered: int
    shown: NDArray[np.uint8] = field(repr=False)


def tiles_of(size: tuple[int, int], core: int = CORE) -> list[Tile]:
    """The tiles of a slide, row by row."""
    corners = [(top, left) for top in range(0, size[0], core) for left in range(0, size[1], core)]
    return [
        Tile(number, top, left, min(top + core, size[0]), min(left + core, size[1])) for number, (top, left) in enumerate(corners)
    ]


def overview_step(size: tuple[int, int]) -> int:
    """Of how many pixels of a slide its overview shows one."""
    return max(1, -(-max(size) // _OVERVIEW))


def detect_tile(slide: Slide, tile: Tile, scale: SlideScale, settings: DetectSettings) -> TileCells:
    """Find the cells of a tile in its window with the halo around."""
    halo = int(np.clip(_RADII * scale.scale.radius, *_HALO))
    top, left = max(0, tile.top - halo), max(0, tile.left - halo)
    height, width = min(slide.size[0], tile.bottom + halo) - top, min(slide.size[1], tile.right + halo) - left
    window = slide.window(top, left, height, width)
    pixels = window.pixels
    with torch.no_grad():
        surface = scale.surface(top, left, height, width)
        found = detect_on(above_glass(window, surface), FoundBackground(surface, None), settings, scale.scale)
    inside = (slice(tile.top - top, tile.bottom - top), slice(tile.left - left, tile.right - left))
    rows = [
        row
        for row in measure_cells(found.cells, found.nuclei, found.density, slide.pixel_um)
        if tile.top <= row.y + top < tile.bottom and tile.left <= row.x + left < tile.right
    ]
    nuclei = [
        replace(row, x=row.x + left, y=row.y + top, cell=0)
        for row in measure_nuclei(found.nuclei, found.cells, slide.pixel_um)
        if tile.top <= row.y + top < tile.bottom and tile.left <= row.x + left < tile.right
    ]
    step = overview_step(slide.size)
    shown = pixels[inside][-tile.top % step :: step, -tile.left % step :: step]
    return TileCells(
        tile,
        Labelled.of(_only(found.cells, [row.label for row in rows]), (top, left)),
        [_moved(row, index, top, left, slide.size) for index, row in enumerate(rows, start=1)],
        Labelled.of(_only(found.nuclei.labels, [row.label for row in nuclei]), (top, left)),
        [replace(row, label=index) for index, row in enumerate(nuclei, start=1)],
        _centres_inside(found.debris, inside),
        int(found.mask[inside].sum()),
        as_colour(as_bytes(shown)),
    )


def _only(labels: NDArray[np.int32], kept: list[int]) -> NDArray[np.int32]:
    """These labels alone, numbered from 1 in their order."""
    number = np.zeros(int(labels.max(initial=0)) + 1, dtype=np.int32)
    number[kept] = np.arange(1, len(kept) + 1)
    return number[labels]


def _moved(row: CellRow, label: int, top: int, left: int, size: tuple[int, int]) -> CellRow:
    moved = replace(
        row,
        label=label,
        x=row.x + left,
        y=row.y + top,
        left=row.left + left,
        right=row.right + left,
        top=row.top + top,
        bottom=row.bottom + top,
    )
    edges = moved.left == 0 or moved.top == 0 or moved.right == size[1] or moved.bottom == size[0]
    return replace(moved, touches_border=edges)


def _centres_inside(mask: NDArray[np.bool_], inside: tuple[slice, slice]) -> int:
    parts, count = ndimage.label(mask)
    if not count:
        return 0
    rows, columns = np.nonzero(parts)
    own = parts[rows, columns]
    sizes = np.bincount(own)[1:]
    centres = np.stack([np.bincount(own, weights=place)[1:] / sizes for place in (rows, columns)], axis=1)
    return int(_within(centres, inside).sum())


def _within(centres: NDArray[np.float64], inside: tuple[slice, slice]) -> NDArray[np.bool_]:
    """Which of (n, 2) row, column lie inside."""
    low, high = [part.start for part in inside], [part.stop for part in inside]
    return np.asarray(((centres >= low) & (centres < high)).all(axis=1))
