"""Layers for napari as its plugins hand them over: (data, keywords, type); nothing of napari is imported."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from foreknow.cytology.detect import Detection, detect
from foreknow.cytology.measure import columns, measure_cells, record
from foreknow.cytology.results import LABELS, NUCLEI, TABLE, TOOL
from foreknow.files.summary import read_summary

LayerData = tuple[Any, dict[str, Any], str]
"""What napari makes a layer of."""


def find_cells_layers(image: NDArray[np.generic], pixel_um: float | None = None) -> list[LayerData]:
    """Find the cells of an image that napari shows.

    Args:
        image: (height, width) or (height, width, 3 or 4).
        pixel_um: side of a pixel, micrometres, if known.

    Raises:
        DataError, ShapeError: if it cannot be used.
    """
    return layers_of(detect(np.asarray(image[..., :3] if image.ndim == 3 else image)), pixel_um)


def layers_of(found: Detection, pixel_um: float | None = None) -> list[LayerData]:
    """Labels of cells with their measurements as features, labels of nuclei, and the cells alone on white."""
    rows = [record(row) for row in measure_cells(found.cells, found.nuclei, found.density, pixel_um)]
    names = columns(len(found.density))
    none = dict.fromkeys(names)  # napari counts the features of a label from 0, the background
    features = {name: [row[name] for row in [none, *rows]] for name in names}
    features["index"] = [0, *(row["label"] for row in rows)]
    scale = {} if pixel_um is None else {"scale": (pixel_um, pixel_um)}
    alone = found.without_background.numpy()
    return [
        (alone, {"name": "without background", "rgb": alone.ndim == 3, "visible": False, **scale}, "image"),
        (found.cells, {"name": "cells", "features": features, "opacity": 0.4, **scale}, "labels"),
        (found.nuclei.labels, {"name": "nuclei", "opacity": 0.6, **scale}, "labels"),
    ]


def reader_of(path: str | list[str]) -> Callable[[str | list[str]], list[LayerData]] | None:
    """The reader of a folder of results of ``foreknow cytology detect``; None for any other path."""
    if isinstance(path, list) or read_summary(Path(path), TOOL) is None:
        return None
    return read_results


def read_results(path: str | list[str]) -> list[LayerData]:
    """Layers of a folder of results.

    Args:
        path: the folder.
    """
    folder = Path(path[0] if isinstance(path, list) else path)
    with (folder / TABLE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = list(rows[0]) if rows else []
    features: dict[str, list[float | int | None]] = {name: [None, *(_number(row[name]) for row in rows)] for name in names}
    features["index"] = [0, *(int(row["label"]) for row in rows)]
    layers: list[LayerData] = [(tifffile.imread(folder / LABELS), {"name": "cells", "features": features}, "labels")]
    if (folder / NUCLEI).is_file():
        layers.append((tifffile.imread(folder / NUCLEI), {"name": "nuclei"}, "labels"))
    return layers


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
