"""A whole slide from its file to its results, in memory that does not depend on its size."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foreknow.cytology.background import FORMULA
from foreknow.cytology.density import light_of
from foreknow.cytology.finder import SolvedBackground
from foreknow.cytology.measure import typical_cell
from foreknow.cytology.pictures import Window, as_bytes, crop_sheet, encode_png
from foreknow.cytology.results import BACKGROUND, DISCLAIMER, OVERLAY, SHEET, TOOL
from foreknow.cytology.settings import DetectSettings
from foreknow.cytology.slide_assembly import Assembled, assemble
from foreknow.cytology.slide_file import Slide, at_working_size, open_slide
from foreknow.cytology.slide_scale import SlideScale, slide_scale
from foreknow.cytology.slide_tile_files import detect_tiles, work_key
from foreknow.cytology.slide_tiles import tiles_of
from foreknow.files import write_json_atomic
from foreknow.files.staging import staged_folder
from foreknow.files.summary import SUMMARY
from foreknow.threads import one_thread

if TYPE_CHECKING:
    from foreknow.cytology.detect_file import DetectOptions


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
    settings, finder = options.settings, options.finder or SolvedBackground()
    with open_slide(path) as whole:
        whole.pixel_um = whole.pixel_um or (None if options.pixel_um is None else options.pixel_um * whole.downsample)
        slide = at_working_size(whole)
        work = folder.parent / f".{name}-{work_key(path, settings, slide.pixel_um, finder.fingerprint)}.tiles"
        work.mkdir(parents=True, exist_ok=True)
        kept = work / "scale.npz"
        if not kept.exists():
            slide_scale(slide, settings, finder).save(kept)
        scale = SlideScale.load(kept)
        tiles = tiles_of(slide.size)
        done = iter(range(1, len(tiles) + 1))
        tell = None if progress is None else (lambda: progress(next(done) / len(tiles)))
        with one_thread():
            detect_tiles(slide, tiles, scale, settings, work, jobs=options.jobs, advanced=tell)
        with staged_folder(folder) as staging:
            found = assemble(slide, tiles, work, staging, scale.offset.shape[0])
            surface = scale.background.surface + scale.offset[:, None, None]
            (staging / BACKGROUND).write_bytes(encode_png(light_of(surface).numpy()))
            (staging / OVERLAY).write_bytes(encode_png(found.overview))
            sheet = crop_sheet(_window(slide), slide.size, found.sample.rows)
            if sheet is not None:
                (staging / SHEET).write_bytes(encode_png(sheet))
            summary = _summary(slide, name, found, scale, settings) | {
                "background": finder.model or "solver",
                "tiles": len(tiles),
                "seconds": float(f"{time.perf_counter() - start:.4g}"),
            }
            if options.report:
                from foreknow.cytology.slide_page import write_slide_report  # noqa: PLC0415

                write_slide_report(staging, summary, found.sample.rows, found.overview, sheet)
            write_json_atomic(staging / SUMMARY, summary)
    shutil.rmtree(work, ignore_errors=True)
    return summary


def _window(slide: Slide) -> Window:
    return lambda top, left, bottom, right: as_bytes(slide.read(top, left, bottom - top, right - left))


def _summary(slide: Slide, name: str, found: Assembled, scale: SlideScale, settings: DetectSettings) -> dict[str, Any]:
    typical = typical_cell(found.sample.rows)
    return {
        "tool": TOOL,
        "version": version("foreknow"),
        "disclaimer": DISCLAIMER,
        "name": name,
        "height": slide.size[0],
        "width": slide.size[1],
        "pixel_um": slide.pixel_um,
        "downsample": slide.downsample,
        "cells": found.sample.count,
        "cells_with_nucleus": found.sample.with_nucleus,
        "nuclei": found.counts["nuclei"],
        "clumps": None,
        "debris": found.counts["debris"],
        "covered": found.counts["covered"] / (slide.size[0] * slide.size[1]),
        "median_cell_area": typical.area,
        "area_unit": "px" if slide.pixel_um is None else "um2",
        "median_nucleus_cytoplasm_ratio": typical.nucleus_cytoplasm_ratio,
        "medians_of_every": found.sample.every,
        "typical_radius_px": float(f"{scale.scale.radius:.4g}"),
        "model": FORMULA,
        "relative_duality_gap": scale.background.certificate,
        "background_noise_od": [float(f"{value:.4g}") for value in scale.scale.noise],
        "notices": [*scale.background.notices, *found.notices],
        "settings": asdict(settings),
    }
