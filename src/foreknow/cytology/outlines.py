"""Outlines of cells for QuPath (GeoJSON) and ImageJ (ROI archive)."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, depth_first_order

_DETAIL = 0.6  # pixels that an outline may be off


def outlines(labels: NDArray[np.int32], origin: tuple[int, int] = (0, 0)) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Label and closed outline (n, 2) x, y of each, in pixels with the corner of the first at 0; of parts the largest.

    Args:
        labels: (height, width).
        origin: x, y of the first pixel in the whole image.
    """
    if not labels.size or not labels.any():
        return
    numbers, paths = _traced(labels)
    corner = np.array([origin[1], origin[0]])
    for number, path in zip(numbers.tolist(), _simplified([path + corner for path in paths]), strict=True):
        if len(path) >= 4:
            yield number, path[:, ::-1]


_SIDES = np.array([[-1, 0], [0, 1], [1, 0], [0, -1]])  # what lies beyond each side of a pixel; ahead lies what is beyond the next


def _traced(labels: NDArray[np.int32]) -> tuple[NDArray[np.int32], list[NDArray[np.float64]]]:
    """Numbers in order, and the longest closed path (n, 2) of each through the middles of pixels' sides at its border.

    All at once: each side of a pixel that borders on something else is followed by the next one clockwise, of which pixels that
    touch at a corner alone are not connected; sides in the order of a walk over all rings are the paths.
    """
    wide = labels.shape[1] + 2
    flat = np.pad(labels, 1).ravel()
    steps = _SIDES @ np.array([wide, 1])
    places, turns = [], []
    inside = np.flatnonzero(flat)
    for number, beyond in enumerate(steps):
        at = inside[flat[inside + beyond] != flat[inside]]
        places.append(at)
        turns.append(np.full(len(at), number))
    place, turn = np.concatenate(places), np.concatenate(turns)
    order = np.argsort(4 * place + turn)
    place, turn = place[order], turn[order]
    own, ahead = flat[place], place + steps[(turn + 1) % 4]
    corner = ahead + steps[turn]
    ends, bends = flat[ahead] != own, flat[corner] == own
    next_place = np.where(ends, place, np.where(bends, corner, ahead))
    next_turn = np.where(ends, turn + 1, np.where(bends, turn + 3, turn)) % 4
    follower = np.searchsorted(4 * place + turn, 4 * next_place + next_turn)
    ring, walk = _walk(follower)
    sizes = np.bincount(ring)
    starts = np.cumsum(sizes) - sizes
    of_ring = own[walk[starts]]
    longest = np.lexsort((-sizes, of_ring))
    numbers, first = np.unique(of_ring[longest], return_index=True)
    rows, columns = np.divmod(place[walk], wide)
    middles = np.stack((rows, columns), axis=1) - 0.5 + 0.5 * _SIDES[turn[walk]]
    return numbers, [_closed(middles[starts[one] : starts[one] + sizes[one]]) for one in longest[first]]


def _walk(follower: NDArray[np.intp]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Which ring each is on, (n,), by the place in the walk; and the walk: all of a ring in their order, ring by ring."""
    count = len(follower)
    ring = connected_components(_graph(np.arange(count), follower, count), directed=False)[1]
    _, first = np.unique(ring, return_index=True)
    onward = follower.copy()
    before = np.empty(count, dtype=np.intp)
    before[follower] = np.arange(count)
    onward[before[first[:-1]]] = first[1:]
    last = before[first[-1]]
    walk = depth_first_order(_graph(np.delete(np.arange(count), last), np.delete(onward, last), count), first[0])[0]
    return ring[walk], walk


def _graph(start: NDArray[np.intp], end: NDArray[np.intp], count: int) -> csr_array:
    return csr_array((np.ones(len(start), dtype=np.int8), (start, end)), shape=(count, count))


def _closed(path: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate((path, path[:1]))


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
            sizes = np.bincount(owner, minlength=len(paths))
            first, size = (np.cumsum(sizes) - sizes)[owner], sizes[owner]
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
    return [_closed(piece) for piece in pieces]


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
