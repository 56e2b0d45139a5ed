"""Results of one field as files."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from foreknow.cytology.background import FORMULA
from foreknow.cytology.detect import Detection
from foreknow.cytology.measure import CellRow, columns, record, typical_cell
from foreknow.cytology.measure_nuclei import NUCLEUS_COLUMNS, measure_nuclei, nucleus_record
from foreknow.cytology.outlines import geojson_feature, outlines, write_geojson, write_imagej_rois
from foreknow.cytology.pictures import count_parts, crop_sheet, encode_png, overlay, window_of
from foreknow.files import write_json_atomic
from foreknow.files.summary import SUMMARY, read_summary
from foreknow.files.table import csv_of_records

LABELS, NUCLEI, MASK, DEBRIS = "cells.tif", "nuclei.tif", "mask.png", "debris.png"
FREE, BACKGROUND, OVERLAY, SHEET = "without_background.png", "background.png", "overlay.png", "cells.png"
NUCLEUS_TABLE, NUCLEUS_GEOJSON = "nuclei.csv", "nuclei.geojson"
TABLE, GEOJSON, ROIS, REPORT = "cells.csv", "cells.geojson", "cells.roi.zip", "report.html"
TOOL = "foreknow cytology detect"
DISCLAIMER = "A screening aid and a means of research, not a diagnosis: cells may be missed, split or merged; look at the image."


@dataclass(frozen=True)
class FieldResult:
    """One field and what was found in it.

    Attributes:
        name: of its results.
        folder: where they are.
        image: (height, width) or (height, width, 3) uint8, as it is shown.
        detection: what was found.
        rows: measurements.
        pixel_um: side of a pixel, micrometres, if known.
        model: name of the network that gave the background; None for the solver.
        certificate: relative duality gap of the background; None of a network.
        notices: sentences for the user.
        seconds: wall-clock time.
    """

    name: str
    folder: Path
    image: NDArray[np.uint8] = field(repr=False)
    detection: Detection = field(repr=False)
    rows: list[CellRow] = field(repr=False)
    pixel_um: float | None
    model: str | None
    certificate: float | None
    notices: tuple[str, ...]
    seconds: float

    def summary(self) -> dict[str, Any]:
        """The content of ``summary.json``."""
        found, rows = self.detection, self.rows
        typical = typical_cell(rows)
        return {
            "tool": TOOL,
            "version": version("foreknow"),
            "disclaimer": DISCLAIMER,
            "name": self.name,
            "height": int(found.cells.shape[0]),
            "width": int(found.cells.shape[1]),
            "pixel_um": self.pixel_um,
            "cells": len(rows),
            "cells_with_nucleus": sum(row.nuclei > 0 for row in rows),
            "nuclei": len(found.nuclei),
            "clumps": count_parts(found.mask),
            "debris": count_parts(found.debris),
            "covered": _rounded(float(found.mask.mean())),
            "median_cell_area": typical.area,
            "area_unit": "px" if self.pixel_um is None else "um2",
            "median_nucleus_cytoplasm_ratio": typical.nucleus_cytoplasm_ratio,
            "background_noise_od": [_rounded(float(value)) for value in found.noise],
            "typical_radius_px": _rounded(found.radius),
            "background": "solver" if self.model is None else self.model,
            "model": FORMULA,
            "relative_duality_gap": self.certificate,
            "notices": list(self.notices),
            "seconds": _rounded(self.seconds),
            "settings": asdict(found.settings),
        }

    def write(self, folder: Path) -> None:
        """Write all files but the report into ``folder``, the summary last."""
        found = self.detection
        for name, labels in ((LABELS, found.cells), (NUCLEI, found.nuclei.labels)):
            write_labels(folder / name, labels, self.pixel_um)
        for name, mask in ((MASK, found.mask), (DEBRIS, found.debris)):
            (folder / name).write_bytes(encode_png(mask))
        (folder / FREE).write_bytes(encode_png(found.without_background.numpy()))
        (folder / BACKGROUND).write_bytes(encode_png(found.background_image.numpy()))
        (folder / OVERLAY).write_bytes(encode_png(overlay(self.image, found.cells, found.nuclei.labels, found.debris)))
        sheet = crop_sheet(window_of(self.image), found.cells.shape, self.rows)
        if sheet is not None:
            (folder / SHEET).write_bytes(encode_png(sheet))
        headings = columns(len(found.density))
        (folder / TABLE).write_text(csv_of_records(headings, map(record, self.rows)), encoding="utf-8", newline="")
        lines = list(outlines(found.cells))
        by_label = {row.label: row for row in self.rows}
        write_geojson(folder / GEOJSON, [geojson_feature(record(by_label[label]), outline) for label, outline in lines])
        write_imagej_rois(folder / ROIS, lines)
        self._write_nuclei(folder)
        write_json_atomic(folder / SUMMARY, self.summary())

    def _write_nuclei(self, folder: Path) -> None:
        nuclei = self.detection.nuclei
        rows = [nucleus_record(row) for row in measure_nuclei(nuclei, self.detection.cells, self.pixel_um)]
        (folder / NUCLEUS_TABLE).write_text(csv_of_records(NUCLEUS_COLUMNS, rows), encoding="utf-8", newline="")
        lines = outlines(nuclei.labels)
        write_geojson(
            folder / NUCLEUS_GEOJSON, [geojson_feature(rows[label - 1], outline, name="Nucleus") for label, outline in lines]
        )


def holds_results(folder: Path) -> bool:
    """Whether results of an earlier run are there."""
    return read_summary(folder, TOOL) is not None


def write_labels(path: Path, labels: NDArray[np.int32], pixel_um: float | None) -> None:
    """A tiled, compressed TIFF of 16 bits, 32 where there are more labels."""
    kind = np.uint16 if labels.max(initial=0) < 2**16 else np.uint32
    tifffile.imwrite(
        path,
        labels.astype(kind),
        tile=(256, 256),
        compression="zlib",
        predictor=True,
        photometric="minisblack",
        metadata=None,
        **resolution(pixel_um),
    )


def resolution(pixel_um: float | None) -> dict[str, Any]:
    """The tags of a TIFF that tell the size of a pixel."""
    if pixel_um is None:
        return {}
    return {"resolution": (1e4 / pixel_um, 1e4 / pixel_um), "resolutionunit": "CENTIMETER"}


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
