"""From the tiles of a slide to its files: label images, tables and outlines, in memory that does not depend on its size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import tifffile
from numpy.typing import NDArray

from foreknow.cytology.measure import CellRow, columns, record
from foreknow.cytology.measure_nuclei import NUCLEUS_COLUMNS, NucleusRow, nucleus_record
from foreknow.cytology.outlines import GEOJSON_HEAD, GEOJSON_TAIL, geojson_feature, outlines, write_imagej_rois
from foreknow.cytology.results import GEOJSON, LABELS, NUCLEI, NUCLEUS_GEOJSON, NUCLEUS_TABLE, ROIS, TABLE, resolution
from foreknow.cytology.slide_file import Slide
from foreknow.cytology.slide_tile_files import read_nuclei, read_tiles
from foreknow.cytology.slide_tiles import Labelled, Tile, overview_step
from foreknow.files.table import csv_of_records

_CHUNK = 512  # pixels of a side, in the files
_MOST_ROIS = 20_000
_MOST_ROWS = 20_000  # that are remembered for medians and pictures
_PINK = np.array([214, 39, 140])


@dataclass
class RowSample:
    """Cells to take medians and pictures of: all of them, or evenly picked ones where they are many.

    Attributes:
        rows: of these cells.
        every: of so many cells one is among them.
        count: all cells that were seen.
        with_nucleus: of these.
    """

    rows: list[CellRow] = field(default_factory=list, repr=False)
    every: int = 1
    count: int = 0
    with_nucleus: int = 0

    def add(self, row: CellRow) -> None:
        """See one more."""
        if self.count % self.every == 0:
            self.rows.append(row)
        self.count += 1
        self.with_nucleus += row.nuclei > 0
        if len(self.rows) > _MOST_ROWS:
            self.rows, self.every = self.rows[::2], 2 * self.every


@dataclass(frozen=True)
class Assembled:
    """What a slide holds.

    Attributes:
        sample: of its cells.
        counts: debris, covered (pixels) and nuclei.
        overview: (h, w, 3) uint8, the slide with cells in colour.
        notices: sentences for the user.
    """

    sample: RowSample
    counts: dict[str, int]
    overview: NDArray[np.uint8] = field(repr=False)
    notices: list[str]


def assemble(slide: Slide, tiles: Sequence[Tile], work: Path, staging: Path, channels: int) -> Assembled:
    """Write the labels, tables and outlines of a slide, tile by tile.

    Cells of which an earlier tile has the most already are left out; what a cell shares with an earlier one stays with that.

    Args:
        slide: at the size that is worked on.
        tiles: of it, all of which are done.
        work: folder of their files, and of what is in between.
        staging: folder of the results.
        channels: of the slide.
    """
    cells, nuclei = (_Labels(work / f"{what}.zarr", slide.size) for what in ("cells", "nuclei"))
    step = overview_step(slide.size)
    overview = np.full((-(-slide.size[0] // step), -(-slide.size[1] // step), 3), 255, dtype=np.uint8)
    counts, sample = {"debris": 0, "covered": 0, "nuclei": 0}, RowSample()
    rois: list[tuple[int, NDArray[np.float64]]] = []
    with _Written(staging / TABLE, staging / GEOJSON, columns(channels), slide.downsample, "Cell") as written:
        for found in read_tiles(tiles, work):
            top, left = -(-found.tile.top // step), -(-found.tile.left // step)
            overview[top : top + found.shown.shape[0], left : left + found.shown.shape[1]] = found.shown
            counts["debris"] += found.debris
            counts["covered"] += found.covered
            sizes = {row.label: row.area_px for row in found.rows}
            numbers = cells.claim(found.cells, sizes, sample.count)
            lines = dict(_lines(found.cells))
            for row in (row for row in found.rows if row.label in numbers):
                kept = replace(row, label=numbers[row.label])
                sample.add(kept)
                written.add(record(kept), lines.get(row.label))
                if row.label in lines and sample.count <= _MOST_ROIS:
                    rois.append((kept.label, lines[row.label]))
    with _Written(staging / NUCLEUS_TABLE, staging / NUCLEUS_GEOJSON, NUCLEUS_COLUMNS, slide.downsample, "Nucleus") as written:
        for found_nuclei, nucleus_rows in read_nuclei(tiles, work):
            numbers = nuclei.claim(found_nuclei, {one.label: one.area_px for one in nucleus_rows}, counts["nuclei"])
            counts["nuclei"] += len(numbers)
            lines, owners = dict(_lines(found_nuclei)), cells.read(found_nuclei.place) if numbers else None
            for one in (one for one in nucleus_rows if one.label in numbers):
                cell = _at(owners, found_nuclei.origin, one)
                written.add(nucleus_record(replace(one, label=numbers[one.label], cell=cell)), lines.get(one.label))
    notices = []
    if sample.count <= _MOST_ROIS:
        write_imagej_rois(staging / ROIS, rois)
    else:
        notices.append(f"{sample.count} cells are more than ImageJ's ROI Manager can show; use {GEOJSON} in QuPath")
    _write_labels(staging / LABELS, cells, slide.pixel_um, lambda top, left, part: _tint(overview, top, left, part, step))
    _write_labels(staging / NUCLEI, nuclei, slide.pixel_um)
    return Assembled(sample, counts, overview, notices)


class _Written:
    """A table and the outlines that belong to it, written one by one."""

    def __init__(self, table: Path, geojson: Path, headings: Sequence[str], scale: float, name: str) -> None:
        self._headings, self._scale, self._name, self._before = headings, scale, name, GEOJSON_HEAD
        with ExitStack() as stack:
            self._table, self._geojson = (
                stack.enter_context(path.open("w", encoding="utf-8", newline="")) for path in (table, geojson)
            )
            self._open = stack.pop_all()

    def __enter__(self) -> Self:
        self._table.write(csv_of_records(self._headings, []))
        return self

    def add(self, values: dict[str, int | float | None], outline: NDArray[np.float64] | None) -> None:
        """A line of the table, and its outline where it has one."""
        self._table.write(csv_of_records(self._headings, [values]).split("\n", 1)[1])
        if outline is not None:
            self._geojson.write(self._before + geojson_feature(values, outline, self._scale, self._name))
            self._before = ",\n"

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self._geojson.write((GEOJSON_HEAD if self._before == GEOJSON_HEAD else "") + GEOJSON_TAIL)
        self._open.close()


class _Labels:
    """A label image on disk, of which only what was written takes room."""

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        import zarr  # noqa: PLC0415

        self.size = size
        self._array: Any = zarr.create_array(
            str(path), shape=size, chunks=(_CHUNK, _CHUNK), dtype=np.uint32, fill_value=0, overwrite=True
        )
        self._written: set[tuple[int, int]] = set()

    def read(self, place: tuple[slice, slice]) -> NDArray[np.uint32]:
        """A window."""
        if self._written.isdisjoint(_chunks(place)):
            return np.zeros(
                [min(part.stop, size) - part.start for part, size in zip(place, self.size, strict=True)], dtype=np.uint32
            )
        return np.asarray(self._array[place])

    def claim(self, found: Labelled, sizes: dict[int, int], last: int) -> dict[int, int]:
        """Write the labels of a tile that have half of their pixels or more still free, numbered after ``last``; their numbers."""
        if not found.labels.size:
            return {}
        window = self.read(found.place)
        free = np.where(window == 0, found.labels, 0)
        got = np.bincount(free.ravel(), minlength=max(sizes, default=0) + 1)
        kept = [label for label, size in sizes.items() if 2 * got[label] >= size]
        number = np.zeros(len(got), dtype=np.uint32)
        number[kept] = np.arange(last + 1, last + 1 + len(kept))
        if kept:
            self._array[found.place] = np.where(number[free] > 0, number[free], window)
            self._written.update(_chunks(found.place))
        return {label: int(number[label]) for label in kept}


def _chunks(place: tuple[slice, slice]) -> list[tuple[int, int]]:
    rows, columns = (range(part.start // _CHUNK, -(-part.stop // _CHUNK)) for part in place)
    return [(row, column) for row in rows for column in columns]


def _lines(found: Labelled) -> Iterator[tuple[int, NDArray[np.float64]]]:
    return outlines(found.labels, (found.origin[1], found.origin[0]))


def _at(labels: NDArray[np.generic] | None, origin: tuple[int, int], row: NucleusRow) -> int:
    """The label under the centre of a nucleus."""
    if labels is None or not labels.size:
        return 0
    down, right = round(row.y) - origin[0], round(row.x) - origin[1]
    return int(labels[min(max(down, 0), labels.shape[0] - 1), min(max(right, 0), labels.shape[1] - 1)])


def _write_labels(
    path: Path,
    labels: _Labels,
    pixel_um: float | None,
    seen: Callable[[int, int, NDArray[np.uint32]], None] | None = None,
) -> None:
    """A tiled, compressed TIFF, written a tile at a time."""
    height, width = labels.size

    def tiles() -> Iterator[NDArray[np.uint32]]:
        for top in range(0, height, _CHUNK):
            for left in range(0, width, _CHUNK):
                part = labels.read((slice(top, min(top + _CHUNK, height)), slice(left, min(left + _CHUNK, width))))
                if seen is not None:
                    seen(top, left, part)
                yield part

    tifffile.imwrite(
        path,
        tiles(),
        shape=labels.size,
        dtype=np.uint32,
        tile=(_CHUNK, _CHUNK),
        compression="zlib",
        compressionargs={"level": 1},
        photometric="minisblack",
        metadata=None,
        bigtiff=4 * height * width > 2**31,
        **resolution(pixel_um),
    )


def _tint(overview: NDArray[np.uint8], top: int, left: int, labels: NDArray[np.uint32], step: int) -> None:
    """Cells in pink."""
    part = labels[-top % step :: step, -left % step :: step] > 0
    if part.any():
        rows, columns = -(-top // step), -(-left // step)
        shown = overview[rows : rows + part.shape[0], columns : columns + part.shape[1]]
        shown[part] = (0.6 * shown[part] + 0.4 * _PINK).astype(np.uint8)
