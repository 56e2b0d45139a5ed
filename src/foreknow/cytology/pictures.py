"""Pictures of what was found: outlines over the field, a sheet of single cells."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from foreknow.cytology.measure import CellRow

Window = Callable[[int, int, int, int], NDArray[np.uint8]]
"""A window of an image by top, left, bottom, right."""

_CELL, _NUCLEUS, _DEBRIS = (214, 39, 140), (20, 60, 220), (235, 130, 0)
_SHOWN = 1400
_THUMB, _ACROSS, _MOST = 96, 12, 96


def as_bytes(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    """An image to be shown, of 8 bits."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    largest = 65535.0 if pixels.dtype == np.uint16 else 1.0
    return np.round(255 * np.clip(pixels.astype(np.float32) / largest, 0, 1)).astype(np.uint8)


def as_colour(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(height, width, 3)."""
    return np.repeat(image[..., None], 3, axis=-1) if image.ndim == 2 else image


def overlay(
    image: NDArray[np.uint8], cells: NDArray[np.int32], nuclei: NDArray[np.int32], debris: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """The field with outlines of cells (pink), nuclei (blue) and debris (orange), at most 1400 pixels a side."""
    step = max(1, -(-max(image.shape[:2]) // _SHOWN))
    shown = as_colour(image)[::step, ::step].copy()
    for labels, colour in ((debris.astype(np.uint8), _DEBRIS), (cells, _CELL), (nuclei, _NUCLEUS)):
        shown[_borders(labels[::step, ::step])] = colour
    return shown


def _borders(labels: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Pixels of labels (height, width) beside one of another label or none."""
    down, across = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    found = np.zeros(labels.shape, dtype=bool)
    found[1:] = down
    found[:-1] |= down
    found[:, 1:] |= across
    found[:, :-1] |= across
    return found & (labels != 0)


def crop_sheet(read: Window, size: tuple[int, int], rows: list[CellRow], margin: float = 0.12) -> NDArray[np.uint8] | None:
    """Single cells side by side at one scale, whole ones first and evenly picked where there are many; None if there are none.

    Args:
        read: window of the image by top, left, bottom, right.
        size: (height, width) of the image.
        rows: of the cells.
        margin: around a cell, as a part of it.
    """
    chosen = sorted(rows, key=lambda row: row.touches_border)[: sum(not row.touches_border for row in rows) or None]
    if not chosen:
        return None
    chosen = [chosen[index] for index in np.unique(np.linspace(0, len(chosen) - 1, min(_MOST, len(chosen))).astype(int))]
    side = max(8, int(np.quantile([max(row.right - row.left, row.bottom - row.top) for row in chosen], 0.95) * (1 + 2 * margin)))
    thumbs = [_thumb(read, size, row, side) for row in chosen]
    across = min(_ACROSS, len(thumbs))
    thumbs += [np.full_like(thumbs[0], 255)] * (-len(thumbs) % across)
    lines = [np.concatenate(thumbs[start : start + across], axis=1) for start in range(0, len(thumbs), across)]
    return np.concatenate(lines)


def window_of(image: NDArray[np.uint8]) -> Window:
    """How `crop_sheet` reads an image in memory."""
    return lambda top, left, bottom, right: image[top:bottom, left:right]


def _thumb(read: Window, size: tuple[int, int], row: CellRow, side: int) -> NDArray[np.uint8]:
    x, y = (row.left + row.right) // 2, (row.top + row.bottom) // 2
    half = side // 2
    padded = np.full((2 * half, 2 * half, 3), 255, dtype=np.uint8)
    top, left = max(0, y - half), max(0, x - half)
    piece = as_colour(read(top, left, min(size[0], y + half), min(size[1], x + half)))
    padded[top - (y - half) : top - (y - half) + piece.shape[0], left - (x - half) : left - (x - half) + piece.shape[1]] = piece
    small = np.asarray(Image.fromarray(padded).resize((_THUMB - 2, _THUMB - 2), Image.Resampling.BICUBIC))  # smooths as it shrinks
    return np.pad(small, ((1, 1), (1, 1), (0, 0)), constant_values=255)


def encode_png(picture: NDArray[np.uint8] | NDArray[np.bool_]) -> bytes:
    """PNG without metadata; a mask as one of 0 and 255."""
    buffer = io.BytesIO()
    shown = 255 * picture.astype(np.uint8) if picture.dtype == bool else picture
    Image.fromarray(shown).save(buffer, format="PNG", compress_level=1)  # half the time for a tenth more bytes
    return buffer.getvalue()


def count_parts(mask: NDArray[np.bool_]) -> int:
    """Connected parts."""
    return int(ndimage.label(mask)[1])
