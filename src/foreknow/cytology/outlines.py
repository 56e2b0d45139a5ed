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
from skimage.measure import find_contours

_DETAIL = 0.6  # pixels that an outline may be off


def outlines(labels: NDArray[np.int32], origin: tuple[int, int] = (0, 0)) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Label and closed outline (n, 2) x, y of each, in pixels with the corner of the first at 0; of parts the largest.

    Args:
        labels: (height, width).
        origin: x, y of the first pixel in the whole image.
    """
    paths, numbers = [], []
    for number, place in enumerate(ndimage.find_objects(labels) if labels.size else (), start=1):
        if place is None:
            continue
        piece = np.pad(labels[place] == number, 1)
        found = find_contours(piece.astype(np.float32), 0.5)
        if found:
            corner = np.array([place[0].start + origin[1] - 0.5, place[1].start + origin[0] - 0.5])
            paths.append(max(found, key=len) + corner)
            numbers.append(number)
    for number, path in zip(numbers, _simplified(paths), strict=True):
        if len(path) >= 4:
            yield number, path[:, ::-1]


def _simplified(paths: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Closed paths (n, 2) with fewer points, nowhere farther from the full ones than ``_DETAIL``; all at once.

    Every second point is left out if the line between its neighbours passes near enough to it and to all points that were left out
    before it; then again, until hardly any goes.
    """
    if not paths:
        return []
    points = np.concatenate([path[:-1] for path in paths])
    owner = np.repeat(np.arange(len(paths)), [len(path) - 1 for path in paths])
    slack = np.zeros(len(points))  # how far what was left out between a point and the next may be from the line between them
    for most in (_DETAIL / 8, _DETAIL / 4, _DETAIL / 2, _DETAIL):  # what costs least goes first
        start, stuck = 0, 0
        while stuck < 2:
            first, size = np.searchsorted(owner, owner), np.bincount(owner, minlength=len(paths))[owner]
            place = np.arange(len(points)) - first
            before, after = first + (place - 1) % size, first + (place + 1) % size
            line, to = points[after] - points[before], points - points[before]
            along = np.clip((line * to).sum(axis=1) / np.maximum((line * line).sum(axis=1), 1e-9), 0, 1)
            off = np.hypot(*(to - along[:, None] * line).T) + np.maximum(slack, slack[before])
            gone = (place % 2 == start) & (place < size - size % 2) & (off <= most) & (size > 4)
            slack[before[gone]] = off[gone]
            stuck = 0 if gone.sum() > len(points) // 50 else stuck + 1
            points, owner, slack, start = points[~gone], owner[~gone], slack[~gone], 1 - start
    pieces = np.split(points, np.flatnonzero(np.diff(owner)) + 1)
    return [np.concatenate((piece, piece[:1])) for piece in pieces]


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
