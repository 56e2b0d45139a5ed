"""The page that shows a whole slide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foreknow.cytology.measure import CellRow
from foreknow.cytology.pictures import encode_png
from foreknow.cytology.report_page import histograms
from foreknow.cytology.results import DISCLAIMER, GEOJSON, NUCLEUS_GEOJSON, NUCLEUS_TABLE, REPORT, TABLE
from foreknow.files import write_text_atomic
from foreknow.report import Facts, Figure, Notice, Picture, Report, Section, Text

_LEAST = 3


def write_slide_report(
    folder: Path, summary: dict[str, Any], rows: list[CellRow], overview: NDArray[np.uint8], sheet: NDArray[np.uint8] | None
) -> None:
    """Write ``report.html`` of a slide into ``folder``."""
    report = Report("Cells on a whole slide", summary["name"], f"foreknow {summary['version']}", note=DISCLAIMER)
    first = Section("Result")
    if summary["notices"]:
        first.add(Notice(summary["notices"]))
    first.add(
        Facts(
            {
                "cells": summary["cells"],
                "with a nucleus": summary["cells_with_nucleus"],
                "nuclei": summary["nuclei"],
                "covered, %": 100 * summary["covered"],
                f"median area, {summary['area_unit']}": summary["median_cell_area"],
                "median nucleus / cytoplasm": summary["median_nucleus_cytoplasm_ratio"],
                "pieces of debris": summary["debris"],
            },
            tiles=True,
        ),
        Text(f"All cells are in {TABLE}, all nuclei in {NUCLEUS_TABLE}; {GEOJSON} and {NUCLEUS_GEOJSON} show them in QuPath."),
    )
    pictures = Section("Slide", Picture(encode_png(overview), "The slide with cells in colour", "Cells in pink."))
    gallery = Section("Single cells")
    gallery.add(Text("No cell was found.") if sheet is None else Picture(encode_png(sheet), "Single cells", "All at one scale."))
    spread = Section("Distributions")
    whole = [row for row in rows if not row.touches_border]
    if len(whole) >= _LEAST:
        spread.add(Figure(histograms(rows, summary["pixel_um"] is not None), "Distributions", f"{len(whole)} cells."))
    else:
        spread.add(Text("There are fewer than three whole cells, too few for distributions."))
    facts = {name: value for name, value in summary.items() if isinstance(value, str | int | float) or value is None}
    report.add(first, pictures, gallery, spread, Section("How it was made", Facts(facts)))
    write_text_atomic(folder / REPORT, report.render())
