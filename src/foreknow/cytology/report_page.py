"""The page that shows one field: numbers, outlines, single cells, distributions."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from skimage.transform import resize

from foreknow.cytology.measure import CellRow, columns, record
from foreknow.cytology.pictures import as_colour, crop_sheet, encode_png, overlay, window_of
from foreknow.cytology.results import DISCLAIMER, REPORT, TABLE, FieldResult
from foreknow.files import write_text_atomic
from foreknow.report import Facts, Figure, Notice, Picture, Report, Section, Table, Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure
    from numpy.typing import NDArray

_SHOWN = ("label", "x", "y", "area_px", "area_um2", "circularity", "nuclei", "nucleus_cytoplasm_ratio")
_SIDE = 520


def write_field_report(result: FieldResult, folder: Path) -> None:
    """Write ``report.html`` into ``folder``."""
    write_text_atomic(folder / REPORT, field_report(result).render())


def field_report(result: FieldResult) -> Report:
    """The report of one field."""
    summary = result.summary()
    report = Report("Cells in a stained smear", result.name, f"foreknow {summary['version']}", note=DISCLAIMER)
    first = Section("Result")
    if result.notices:
        first.add(Notice(result.notices))
    unit = "um2" if result.pixel_um else "px"
    first.add(
        Facts(
            {
                "cells": len(result.rows),
                "nuclei": len(result.detection.nuclei),
                "covered, %": 100 * summary["covered"],
                f"median area, {unit}": summary["median_cell_area"],
                "median nucleus / cytoplasm": summary["median_nucleus_cytoplasm_ratio"],
                "pieces of debris": summary["debris"],
            },
            tiles=True,
        )
    )
    return report.add(first, _pictures(result), _gallery(result), _distributions(result), _table(result), _making(result))


def _pictures(result: FieldResult) -> Section:
    found = result.detection
    outlined = overlay(result.image, found.cells, found.nuclei.labels, found.debris)
    layers = [result.image, found.without_background.numpy(), found.background_image.numpy()]
    scale = _SIDE / max(result.image.shape[:2])
    small = [_resized(as_colour(layer), scale) for layer in layers]
    return Section(
        "Field",
        Picture(encode_png(outlined), "The field with outlines", "Cells pink, nuclei blue, debris and dust orange."),
        Picture(encode_png(np.concatenate(small, axis=1)), "Layers", "The image, its cells alone, and its background."),
    )


def _resized(image: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale >= 1:
        return image
    size = (round(image.shape[0] * scale), round(image.shape[1] * scale))
    return np.round(np.asarray(resize(image, size, preserve_range=True, anti_aliasing=True))).astype(np.uint8)


def _gallery(result: FieldResult) -> Section:
    section = Section("Single cells")
    sheet = crop_sheet(window_of(result.image), result.detection.cells.shape, result.rows)
    if sheet is None:
        return section.add(Text("No cell was found."))
    return section.add(Picture(encode_png(sheet), "Single cells", "All at one scale; whole cells first, at most 96."))


def _distributions(result: FieldResult) -> Section:
    section = Section("Distributions")
    whole = [row for row in result.rows if not row.touches_border]
    if len(whole) < 3:
        return section.add(Text("There are fewer than three whole cells, too few for distributions."))
    return section.add(
        Figure(
            histograms(result.rows, result.pixel_um is not None),
            "Distributions",
            f"{len(whole)} cells that no border cuts.",
        )
    )


def histograms(rows: list[CellRow], in_micrometres: bool) -> MatplotlibFigure:
    """Areas, circularities, nucleus to cytoplasm and densities of whole cells."""
    from matplotlib.figure import Figure as MatplotlibFigure  # noqa: PLC0415

    whole = [row for row in rows if not row.touches_border]
    areas = [row.area_px if row.area_um2 is None else row.area_um2 for row in whole]
    ratios = [row.nucleus_cytoplasm_ratio for row in whole if row.nucleus_cytoplasm_ratio is not None]
    series = {
        f"area, {'um2' if in_micrometres else 'px'}": areas,
        "circularity": [row.circularity for row in whole],
        "nucleus / cytoplasm": ratios,
        "mean optical density": [float(np.mean(row.density)) for row in whole],
    }
    figure = MatplotlibFigure(figsize=(9, 2.4), layout="constrained")
    for axes, (label, values) in zip(figure.subplots(1, 4), series.items(), strict=True):
        axes.hist(values, bins=max(5, min(24, len(values) // 3)), color="#4477aa")
        axes.set_xlabel(label, fontsize=8)
        axes.tick_params(labelsize=7)
    figure.axes[0].set_ylabel("cells", fontsize=8)
    return figure


def _table(result: FieldResult) -> Section:
    if not result.rows:
        return Section("Cells", Text("No cell was found."))
    shown = [name for name in _SHOWN if name in columns(len(result.detection.density))]
    rows = [[record(row)[name] for name in shown] for row in result.rows]
    return Section("Cells", Table([name.replace("_", " ") for name in shown], rows, limit=30, full=TABLE))


def _making(result: FieldResult) -> Section:
    summary = result.summary()
    facts: dict[str, str | int | float | bool | None] = {
        "image": f"{summary['width']} x {summary['height']} pixels",
        "side of a pixel, um": result.pixel_um,
        "background by": summary["background"],
        "relative duality gap": result.certificate,
        "noise of the background, optical density": ", ".join(f"{value:.4f}" for value in summary["background_noise_od"]),
        "inscribed radius of a typical cell, px": summary["typical_radius_px"],
        "seconds": result.seconds,
        **{f"setting {name}": str(value) for name, value in asdict(result.detection.settings).items()},
    }
    text = "Amounts of dyes in cells.csv are the sparsest mixture that explains a colour, not a measurement of each dye."
    return Section("How it was made", Facts(facts), Text(f"Model: {summary['model']}"), Text(text))
