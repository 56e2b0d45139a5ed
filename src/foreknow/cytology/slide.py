"""A whole slide from its file to its results, in memory that does not depend on its size."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from foreknow.cytology.background import FORMULA
from foreknow.cytology.density import light_of
from foreknow.cytology.measure import CellRow, columns, record, typical_cell
from foreknow.cytology.outlines import geojson_feature, outlines, write_imagej_rois
from foreknow.cytology.pictures import Window, as_colour, crop_sheet, encode_png
from foreknow.cytology.results import (
    BACKGROUND,
    DISCLAIMER,
    GEOJSON,
    LABELS,
    OVERLAY,
    ROIS,
    SHEET,
    TABLE,
    TOOL,
    as_bytes,
    resolution,
)
from foreknow.cytology.settings import DetectSettings
from foreknow.cytology.slide_file import Slide, at_working_size, open_slide
from foreknow.cytology.slide_scale import slide_scale
from foreknow.cytology.slide_tiles import detect_tiles, read_tiles, tiles_of, work_key
from foreknow.files import write_json_atomic
from foreknow.files.staging import staged_folder
from foreknow.files.summary import SUMMARY
from foreknow.files.table import csv_of_records

if TYPE_CHECKING:
    from foreknow.cytology.batch import DetectOptions

_TILE = 512
_OVERVIEW = 2000  # pixels
_MOST_ROIS = 20_000


def detect_slide(
    path: Path,
    folder: Path,
    options: DetectOptions,
    name: str,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Find the cells of a whole slide and write the results.

    Tiles that are done are kept in a hidden folder beside the results until all are, so that the same call goes on after an
    interruption.

    Args:
        path: of the slide.
        folder: of the results.
        options: how.
        name: of the results.
        progress: told the share that is done.

    Returns:
        The content of ``summary.json``.

    Raises:
        InputFileError: if it cannot be read.
        DataError: if there is nothing in it.
        OSError: if the results cannot be written.
    """
    start = time.perf_counter()
    settings = options.settings
    with open_slide(path) as whole:
        whole.pixel_um = whole.pixel_um or (None if options.pixel_um is None else options.pixel_um * whole.downsample)
        slide = at_working_size(whole)
        work = folder.parent / f".{name}-{work_key(path, settings, slide.pixel_um)}.tiles"
        work.mkdir(parents=True, exist_ok=True)
        scale = slide_scale(slide, settings)
        tiles = tiles_of(slide.size)
        done = iter(range(1, len(tiles) + 1))
        tell = None if progress is None else (lambda: progress(next(done) / len(tiles)))
        detect_tiles(slide, tiles, scale, settings, work, jobs=options.jobs, advanced=tell)
        with staged_folder(folder) as staging:
            labels, rows, counts = _assembled(slide, staging, work)
            _write_labels(staging / LABELS, labels, slide.pixel_um)
            channels = scale.offset.shape[0]
            (staging / TABLE).write_text(csv_of_records(columns(channels), map(record, rows)), encoding="utf-8", newline="")
            notices = _write_outlines(staging, work, rows, slide.downsample, len(rows))
            surface = scale.background.surface[0] + scale.offset[:, None, None]
            (staging / BACKGROUND).write_bytes(encode_png(light_of(surface).numpy()))
            overview = _overview(slide, labels)
            (staging / OVERLAY).write_bytes(encode_png(overview))
            sheet = crop_sheet(_window(slide), slide.size, rows)
            if sheet is not None:
                (staging / SHEET).write_bytes(encode_png(sheet))
            summary = _summary(slide, name, rows, counts, scale.scale.radius, settings)
            summary |= {
                "relative_duality_gap": scale.background.certificate,
                "background_noise_od": [float(f"{value:.4g}") for value in scale.scale.noise],
                "notices": notices,
                "tiles": len(tiles),
                "seconds": float(f"{time.perf_counter() - start:.4g}"),
            }
            if options.report:
                from foreknow.cytology.slide_page import write_slide_report  # noqa: PLC0415

                write_slide_report(staging, summary, rows, overview, sheet)
            del labels
            (staging / _MAP).unlink()
            write_json_atomic(staging / SUMMARY, summary)
    shutil.rmtree(work, ignore_errors=True)
    return summary


_MAP = ".labels.raw"


def _assembled(slide: Slide, staging: Path, work: Path) -> tuple[NDArray[np.uint32], list[CellRow], dict[str, int]]:
    """All labels on disk, all rows with their final numbers, and counts; a cell that another tile has already is left out."""
    labels: NDArray[np.uint32] = np.memmap(staging / _MAP, dtype=np.uint32, mode="w+", shape=slide.size)
    rows: list[CellRow] = []
    counts = {"debris": 0, "covered": 0, "nuclei": 0}
    kept_file = work / "kept.csv"
    with kept_file.open("w", encoding="utf-8") as kept:
        for found in read_tiles(tiles_of(slide.size), work):
            top, left = found.origin
            window = labels[top : top + found.labels.shape[0], left : left + found.labels.shape[1]]
            for row in found.rows:
                place = (slice(row.top - top, row.bottom - top), slice(row.left - left, row.right - left))
                free = (found.labels[place] == row.label) & (window[place] == 0)
                if 2 * int(free.sum()) < row.area_px:
                    continue
                rows.append(replace(row, label=len(rows) + 1))
                window[place][free] = len(rows)
                kept.write(f"{found.tile.number},{row.label},{len(rows)}\n")
            for what, value in (("debris", found.debris), ("covered", found.covered), ("nuclei", found.nuclei)):
                counts[what] += value
    return labels, rows, counts


def _write_labels(path: Path, labels: NDArray[np.uint32], pixel_um: float | None) -> None:
    """A tiled, compressed TIFF, written a tile at a time."""
    height, width = labels.shape

    def tiles() -> Iterator[NDArray[np.uint32]]:
        for top in range(0, height, _TILE):
            for left in range(0, width, _TILE):
                yield np.array(labels[top : top + _TILE, left : left + _TILE])

    tifffile.imwrite(
        path,
        tiles(),
        shape=labels.shape,
        dtype=np.uint32,
        tile=(_TILE, _TILE),
        compression="zlib",
        photometric="minisblack",
        metadata=None,
        bigtiff=labels.nbytes > 2**31,
        **resolution(pixel_um),
    )


def _write_outlines(staging: Path, work: Path, rows: list[CellRow], downsample: float, count: int) -> list[str]:
    """GeoJSON in pixels of the full size, feature by feature; ImageJ's archive where it can hold them."""
    final: dict[int, dict[int, int]] = {}
    for line in (work / "kept.csv").read_text(encoding="utf-8").splitlines():
        tile, label, number = map(int, line.split(","))
        final.setdefault(tile, {})[label] = number
    collected: list[tuple[int, NDArray[np.float64]]] = []
    first = True
    with (staging / GEOJSON).open("w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", "features": [\n')
        for found in read_tiles(tiles_of_work(work), work):
            numbers = final.get(found.tile.number, {})
            for label, outline in outlines(found.labels, (found.origin[1], found.origin[0])):
                if label not in numbers:
                    continue
                row = rows[numbers[label] - 1]
                file.write(("" if first else ",\n") + geojson_feature(row, outline, downsample))
                first = False
                if count <= _MOST_ROIS:
                    collected.append((row.label, outline))
        file.write("\n]}\n")
    if count > _MOST_ROIS:
        return [f"{count} cells are more than ImageJ's ROI Manager can show; use {GEOJSON} in QuPath"]
    write_imagej_rois(staging / ROIS, collected)
    return []


def tiles_of_work(work: Path) -> list[Any]:
    """The tiles that a work folder holds, by number alone."""
    from foreknow.cytology.slide_tiles import Tile  # noqa: PLC0415

    return [Tile(int(file.stem.split("-")[1]), 0, 0, 0, 0) for file in sorted(work.glob("tile-*.npz"))]


def _window(slide: Slide) -> Window:
    return lambda top, left, bottom, right: as_bytes(slide.read(top, left, bottom - top, right - left))


def _overview(slide: Slide, labels: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """The slide at a size to be looked at, cells in colour."""
    height, width = slide.size
    step = max(1, -(-max(height, width) // _OVERVIEW))
    shown = np.full((-(-height // step), -(-width // step), 3), 255, dtype=np.uint8)
    band = max(step, (1024 // step) * step)
    for top in range(0, height, band):
        for left in range(0, width, 4 * band):
            rows, wide = min(band, height - top), min(4 * band, width - left)
            part = as_colour(as_bytes(slide.read(top, left, rows, wide)))[::step, ::step]
            cells = np.array(labels[top : top + rows : step, left : left + wide : step]) > 0
            tinted = np.where(cells[..., None], (0.6 * part + 0.4 * np.array([214, 39, 140])).astype(np.uint8), part)
            shown[top // step : top // step + tinted.shape[0], left // step : left // step + tinted.shape[1]] = tinted
    return shown


def _summary(
    slide: Slide, name: str, rows: list[CellRow], counts: dict[str, int], radius: float, settings: DetectSettings
) -> dict[str, Any]:
    typical = typical_cell(rows)
    return {
        "tool": TOOL,
        "version": version("foreknow"),
        "disclaimer": DISCLAIMER,
        "name": name,
        "height": slide.size[0],
        "width": slide.size[1],
        "pixel_um": slide.pixel_um,
        "downsample": slide.downsample,
        "cells": len(rows),
        "cells_with_nucleus": sum(row.nuclei > 0 for row in rows),
        "nuclei": counts["nuclei"],
        "clumps": None,
        "debris": counts["debris"],
        "covered": counts["covered"] / (slide.size[0] * slide.size[1]),
        "median_cell_area": typical.area,
        "area_unit": "px" if slide.pixel_um is None else "um2",
        "median_nucleus_cytoplasm_ratio": typical.nucleus_cytoplasm_ratio,
        "typical_radius_px": float(f"{radius:.4g}"),
        "background": "solver",
        "model": FORMULA,
        "settings": asdict(settings),
    }
