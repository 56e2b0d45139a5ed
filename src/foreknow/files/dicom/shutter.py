"""Which pixels X-rays reached: inside shutters and collimators."""

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from foreknow.files.dicom.header import DicomFrames

_KINDS = ("Shutter", "Collimator")


def open_area(header: DicomFrames) -> NDArray[np.bool_]:
    """Where neither a shutter nor a collimator is (DICOM PS3.3, C.7.6.11 and C.8.7.3), (rows, columns).

    A rectangle, circle or polygon whose fields make no sense, or that leaves nothing open, is passed over.
    """
    area = np.ones((header.rows, header.columns), dtype=bool)
    row, column = np.mgrid[1 : header.rows + 1, 1 : header.columns + 1]
    for kind in _KINDS:
        for shape in (_rectangle, _circle, _polygon):
            try:
                inside = shape(header.shutter, kind, row, column)
            except (AttributeError, TypeError, ValueError, LookupError):
                continue
            if (area & inside).any():
                area &= inside
    return area


def _rectangle(data: Dataset, kind: str, row: NDArray[np.int_], column: NDArray[np.int_]) -> NDArray[np.bool_]:
    left, right, upper, lower = (
        int(data[f"{kind}{edge}Edge"].value) if f"{kind}{edge}Edge" in data else default
        for edge, default in (
            ("LeftVertical", 0),
            ("RightVertical", column.max() + 1),
            ("UpperHorizontal", 0),
            ("LowerHorizontal", row.max() + 1),
        )
    )
    return (column > left) & (column < right) & (row > upper) & (row < lower)


def _circle(data: Dataset, kind: str, row: NDArray[np.int_], column: NDArray[np.int_]) -> NDArray[np.bool_]:
    middle_row, middle_column = (int(value) for value in data[f"CenterOfCircular{kind}"].value)
    radius = int(data[f"RadiusOfCircular{kind}"].value)
    return (row - middle_row) ** 2 + (column - middle_column) ** 2 <= radius**2


def _polygon(data: Dataset, kind: str, row: NDArray[np.int_], column: NDArray[np.int_]) -> NDArray[np.bool_]:
    from skimage.draw import polygon2mask  # noqa: PLC0415

    flat = [int(value) for value in data[f"VerticesOfThePolygonal{kind}"].value]
    corners = np.array(flat, dtype=np.float64).reshape(-1, 2) - 1
    inside: NDArray[np.bool_] = polygon2mask((int(row.max()), int(column.max())), corners)
    return inside
