"""A slide in tiles with a halo: each is judged by what holds for the slide; what is done survives an interruption."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from foreknow.cytology.detect import detect_on
from foreknow.cytology.finder import FoundBackground
from foreknow.cytology.measure import CellRow, measure_cells
from foreknow.cytology.settings import DetectSettings
from foreknow.cytology.slide_file import Slide
from foreknow.cytology.slide_scale import SlideScale, slide_density
from foreknow.files import atomic_path

CORE = 2048  # pixels of a tile without its halo
_HALO = (64, 320)
_RADII = 6.0  # inscribed radii that a halo has: a cell and its neighbours


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
class TileCells:
    """The cells whose centre lies in the core of a tile.

    Attributes:
        tile: that they are of.
        origin: top, left of the window.
        labels: (height, width) int32 of the window, only of these cells.
        rows: their measurements, in pixels of the slide.
        debris: pieces of debris whose centre is in the core.
        covered: pixels of cells in the core.
        nuclei: in the core.
    """

    tile: Tile
    origin: tuple[int, int]
    labels: NDArray[np.int32] = field(repr=False)
    rows: list[CellRow] = field(repr=False)
    debris: int
    covered: int
    nuclei: int


def tiles_of(size: tuple[int, int], core: int = CORE) -> list[Tile]:
    """The tiles of a slide, row by row."""
    corners = [(top, left) for top in range(0, size[0], core) for left in range(0, size[1], core)]
    return [
        Tile(number, top, left, min(top + core, size[0]), min(left + core, size[1])) for number, (top, left) in enumerate(corners)
    ]


def detect_tile(slide: Slide, tile: Tile, scale: SlideScale, settings: DetectSettings) -> TileCells:
    """Find the cells of a tile in its window with the halo around."""
    halo = int(np.clip(_RADII * scale.scale.radius, *_HALO))
    top, left = max(0, tile.top - halo), max(0, tile.left - halo)
    height, width = min(slide.size[0], tile.bottom + halo) - top, min(slide.size[1], tile.right + halo) - left
    with torch.no_grad():
        density = slide_density(slide.read(top, left, height, width))
        found = detect_on(density, FoundBackground(scale.surface(top, left, height, width), None), settings, scale.scale)
    inside = (slice(tile.top - top, tile.bottom - top), slice(tile.left - left, tile.right - left))
    rows = [
        row
        for row in measure_cells(found.cells, found.nuclei, found.density, slide.pixel_um)
        if tile.top <= row.y + top < tile.bottom and tile.left <= row.x + left < tile.right
    ]
    number = np.zeros(int(found.cells.max()) + 1, dtype=np.int32)
    for index, row in enumerate(rows, start=1):
        number[row.label] = index
    moved = [_moved(row, index, top, left, slide.size) for index, row in enumerate(rows, start=1)]
    return TileCells(
        tile,
        (top, left),
        number[found.cells],
        moved,
        _centres_inside(found.debris, inside),
        int(found.mask[inside].sum()),
        int(_within(found.nuclei.centres[:, ::-1], inside).sum()),
    )


def detect_tiles(
    slide: Slide,
    tiles: Sequence[Tile],
    scale: SlideScale,
    settings: DetectSettings,
    work: Path,
    *,
    jobs: int = 1,
    advanced: Callable[[], None] | None = None,
) -> None:
    """Find the cells of all tiles that are not done yet, several at once by dask; each is a file in ``work``.

    Args:
        slide: whose windows may be read from several threads.
        tiles: of it.
        scale: of the slide.
        settings: how to find cells.
        work: folder of the files.
        jobs: tiles at once.
        advanced: told when a tile is done.
    """
    open_tiles = [tile for tile in tiles if not tile_file(work, tile).exists()]
    for _ in range(len(tiles) - len(open_tiles)):
        if advanced is not None:
            advanced()

    def one(tile: Tile) -> None:
        _write(work, detect_tile(slide, tile, scale, settings))
        if advanced is not None:
            advanced()

    if jobs <= 1:
        for tile in open_tiles:
            one(tile)
        return
    from dask.base import compute  # noqa: PLC0415
    from dask.delayed import delayed  # noqa: PLC0415

    compute(*[delayed(one)(tile) for tile in open_tiles], scheduler="threads", num_workers=jobs)  # type: ignore[no-untyped-call]


def read_tiles(tiles: Sequence[Tile], work: Path) -> Iterator[TileCells]:
    """What was found, tile by tile."""
    for tile in tiles:
        with np.load(tile_file(work, tile), allow_pickle=False) as content:
            head = json.loads(str(content["head"]))
            rows = [CellRow(**{**row, "density": tuple(row["density"]), "stains": tuple(row["stains"])}) for row in head["rows"]]
            origin = (int(head["origin"][0]), int(head["origin"][1]))
            yield TileCells(tile, origin, content["labels"], rows, head["debris"], head["covered"], head["nuclei"])


def tile_file(work: Path, tile: Tile) -> Path:
    """Where a tile is kept."""
    return work / f"tile-{tile.number:06d}.npz"


def work_key(path: Path, settings: DetectSettings, pixel_um: float | None) -> str:
    """What an interrupted run must share with the one that goes on: file, settings, size of a pixel."""
    state = path.stat()
    told = json.dumps([str(path.resolve()), state.st_size, state.st_mtime_ns, asdict(settings), pixel_um, CORE])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _write(work: Path, found: TileCells) -> None:
    head = {
        "rows": [asdict(row) for row in found.rows],
        "origin": list(found.origin),
        "debris": found.debris,
        "covered": found.covered,
        "nuclei": found.nuclei,
    }
    with atomic_path(tile_file(work, found.tile)) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, labels=found.labels, head=np.array(json.dumps(head)))


def _moved(row: CellRow, label: int, top: int, left: int, size: tuple[int, int]) -> CellRow:
    values = asdict(row)
    values |= {"label": label, "x": row.x + left, "y": row.y + top, "left": row.left + left, "right": row.right + left}
    values |= {"top": row.top + top, "bottom": row.bottom + top}
    edges = values["left"] == 0 or values["top"] == 0 or values["right"] == size[1] or values["bottom"] == size[0]
    return CellRow(**{**values, "touches_border": edges})


def _centres_inside(mask: NDArray[np.bool_], inside: tuple[slice, slice]) -> int:
    from scipy import ndimage  # noqa: PLC0415

    parts, count = ndimage.label(mask)
    if not count:
        return 0
    centres = np.array(ndimage.center_of_mass(mask, parts, np.arange(1, count + 1)))
    return int(_within(centres, inside).sum())


def _within(centres: NDArray[np.float64], inside: tuple[slice, slice]) -> NDArray[np.bool_]:
    """Which of (n, 2) row, column lie inside."""
    low, high = [part.start for part in inside], [part.stop for part in inside]
    return np.asarray(((centres >= low) & (centres < high)).all(axis=1))
