"""Tiles of a slide as files: what is done survives an interruption, and is read back one by one."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from foreknow.cytology.measure import CellRow
from foreknow.cytology.measure_nuclei import NucleusRow
from foreknow.cytology.settings import DetectSettings
from foreknow.cytology.slide_file import Slide
from foreknow.cytology.slide_scale import SlideScale
from foreknow.cytology.slide_tiles import CORE, Labelled, Tile, TileCells, detect_tile
from foreknow.files import atomic_path

_FORM = 4  # of the files


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
            nucleus_rows = [NucleusRow(**row) for row in head["nucleus_rows"]]
            cells, nuclei = (_labelled(content, head, what) for what in ("cells", "nuclei"))
            yield TileCells(tile, cells, rows, nuclei, nucleus_rows, head["debris"], head["covered"], content["shown"])


def read_nuclei(tiles: Sequence[Tile], work: Path) -> Iterator[tuple[Labelled, list[NucleusRow]]]:
    """The nuclei alone, tile by tile."""
    for tile in tiles:
        with np.load(tile_file(work, tile), allow_pickle=False) as content:
            head = json.loads(str(content["head"]))
            yield _labelled(content, head, "nuclei"), [NucleusRow(**row) for row in head["nucleus_rows"]]


def _labelled(content: Mapping[str, NDArray[np.generic]], head: dict[str, Any], what: str) -> Labelled:
    top, left = head["origins"][what]
    return Labelled((int(top), int(left)), content[what].astype(np.int32))


def tile_file(work: Path, tile: Tile) -> Path:
    """Where a tile is kept."""
    return work / f"tile-{tile.number:06d}.npz"


def work_key(path: Path, settings: DetectSettings, pixel_um: float | None, finder: str) -> str:
    """What an interrupted run must share with the one that goes on: file, settings, size of a pixel, finder of the background."""
    state = path.stat()
    told = json.dumps([str(path.resolve()), state.st_size, state.st_mtime_ns, asdict(settings), pixel_um, CORE, finder, _FORM])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _write(work: Path, found: TileCells) -> None:
    head = {
        "rows": [_told(row) for row in found.rows],
        "nucleus_rows": [_told(row) for row in found.nucleus_rows],
        "origins": {"cells": found.cells.origin, "nuclei": found.nuclei.origin},
        "debris": found.debris,
        "covered": found.covered,
    }
    told = np.array(json.dumps(head))
    with atomic_path(tile_file(work, found.tile)) as temporary, temporary.open("wb") as file:
        cells, nuclei = (_narrow(one.labels) for one in (found.cells, found.nuclei))
        _write_arrays(file, {"cells": cells, "nuclei": nuclei, "shown": found.shown, "head": told})


def _told(row: CellRow | NucleusRow) -> dict[str, Any]:
    """The values of a row by name; `asdict` would copy each of them deeply, which takes longer than to measure them."""
    return {one.name: getattr(row, one.name) for one in fields(row)}


def _write_arrays(file: IO[bytes], arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """What `numpy.savez_compressed` writes, compressed less, in a third of the time: the files live for the run only."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def _narrow(labels: NDArray[np.int32]) -> NDArray[np.generic]:
    """In 16 bits where that is enough, which takes half the time to compress."""
    return labels.astype(np.uint16) if labels.max(initial=0) < 2**16 else labels
