"""Outlines of cells for QuPath (GeoJSON) and ImageJ (ROI archive)."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import approximate_polygon, find_contours

_DETAIL = 0.6  # pixels that an outline may be off


def outlines(labels: NDArray[np.int32], origin: tuple[int, int] = (0, 0)) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Label and closed outline (n, 2) x, y of each, in pixels with the corner of the first at 0; of parts the largest.

    Args:
        labels: (height, width).
        origin: x, y of the first pixel in the whole image.
    """
    for number, place in enumerate(ndimage.find_objects(labels), start=1):
        if place is None:
            continue
        piece = np.pad(labels[place] == number, 1)
        paths = find_contours(piece.astype(np.float32), 0.5)
        if not paths:
            continue
        path = approximate_polygon(max(paths, key=len), _DETAIL)
        if len(path) < 4:
            continue
        corner = np.array([place[1].start + origin[0] - 0.5, place[0].start + origin[1] - 0.5])
        yield number, path[:, ::-1] + corner


def geojson_feature(
    values: Mapping[str, int | float | None], outline: NDArray[np.float64], scale: float = 1.0, name: str = "Cell"
) -> str:
    """A detection of QuPath, one line of JSON.

    Args:
        values: measurements.
        outline: (n, 2).
        scale: pixels of the slide's full size for one of the outline.
        name: of its class.
    """
    ring = np.round(outline * scale, 2).tolist()
    measurements = {key: value for key, value in values.items() if value is not None}
    feature = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring if ring[0] == ring[-1] else [*ring, ring[0]]]},
        "properties": {"objectType": "detection", "classification": {"name": name}, "measurements": measurements},
    }
    return json.dumps(feature, allow_nan=False)


GEOJSON_HEAD, GEOJSON_TAIL = '{"type": "FeatureCollection", "features": [\n', "\n]}\n"


def write_geojson(path: Path, features: Sequence[str]) -> None:
    """A feature collection that QuPath opens."""
    path.write_text(GEOJSON_HEAD + ",\n".join(features) + GEOJSON_TAIL, encoding="utf-8")


def write_imagej_rois(path: Path, found: Sequence[tuple[int, NDArray[np.float64]]]) -> None:
    """An archive of polygons that ImageJ's ROI Manager opens; one that is empty holds no file."""
    import roifile  # noqa: PLC0415

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for label, outline in found:
            region = roifile.ImagejRoi.frompoints(outline.astype(np.float32), name=f"cell-{label:05d}")
            archive.writestr(f"cell-{label:05d}.roi", region.tobytes())
    path.write_bytes(content.getvalue())
