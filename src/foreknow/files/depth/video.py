"""A depth video in memory: metres, seconds, and the camera that saw it."""

from dataclasses import dataclass, field, replace
from typing import Self

import torch
from torch import Tensor

from foreknow.errors import DataError, ParameterError, ShapeError

LARGEST_BYTES = 4 * 2**30
"""Frames beyond this are not read into memory at once."""


@dataclass(frozen=True, slots=True)
class Intrinsics:
    """A pinhole camera without distortion: column = fx x / z + cx, row = fy y / z + cy.

    Attributes:
        width: columns of the image, pixels.
        height: rows, pixels.
        fx: focal length along a row, pixels.
        fy: focal length along a column, pixels.
        cx: column of the optical axis, pixels; the centre of the first pixel is 0.
        cy: its row, pixels.

    Raises:
        ParameterError: if a size or focal length is not positive, or a number is not finite.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    def __post_init__(self) -> None:
        finite = all(abs(value) < float("inf") for value in (self.fx, self.fy, self.cx, self.cy))
        if not (finite and min(self.width, self.height) >= 1 and min(self.fx, self.fy) > 0):
            message = f"a pinhole camera needs a size and focal lengths above 0, not {self}"
            raise ParameterError(message)

    def rays(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Directions of the pixels with a depth component of 1, (3, height, width): a point at depth z lies at z times it."""
        columns = (torch.arange(self.width, dtype=torch.float64) - self.cx) / self.fx
        rows = (torch.arange(self.height, dtype=torch.float64) - self.cy) / self.fy
        x, y = columns.expand(self.height, self.width), rows[:, None].expand(self.height, self.width)
        return torch.stack((x, y, torch.ones_like(x))).to(dtype)

    def crop(self, top: int, left: int, height: int, width: int) -> Self:
        """The camera of a part of the image."""
        return replace(self, width=width, height=height, cx=self.cx - left, cy=self.cy - top)


@dataclass(frozen=True, slots=True)
class DepthVideo:
    """Frames of depth and when they were taken.

    Attributes:
        frames: (time, height, width) float32, metres along the optical axis; NaN where the camera saw nothing.
        timestamps: (time,) float64, seconds, rising or equal; the origin is the file's.
        intrinsics: the camera, or None where the file does not say.
        unit: metres of one count of the camera, or None where the file holds metres.
        warnings: sentences on what was odd while reading; to be shown to the user.

    Raises:
        ShapeError: if frames and timestamps do not fit together, or the camera has another size.
        DataError: if the frames are not float32, the timestamps not float64, or the times go back.
    """

    frames: Tensor = field(repr=False)
    timestamps: Tensor = field(repr=False)
    intrinsics: Intrinsics | None = None
    unit: float | None = None
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.frames.ndim != 3 or not self.frames.numel() or self.timestamps.shape != self.frames.shape[:1]:
            shapes = f"{tuple(self.frames.shape)} and {tuple(self.timestamps.shape)}"
            message = f"a depth video has frames (time, height, width) and timestamps (time,), not {shapes}"
            raise ShapeError(message)
        camera = self.intrinsics
        if camera is not None and (camera.height, camera.width) != self.frames.shape[1:]:
            message = f"the camera has {camera.width} x {camera.height} pixels, the frames {tuple(self.frames.shape[1:][::-1])}"
            raise ShapeError(message)
        if self.frames.dtype != torch.float32 or self.timestamps.dtype != torch.float64:
            message = f"frames are float32 and timestamps float64, not {self.frames.dtype} and {self.timestamps.dtype}"
            raise DataError(message)
        if not bool((self.timestamps.diff() >= 0).all() and self.timestamps.isfinite().all()):
            message = "the timestamps of a depth video are finite and do not go back; sort the frames first"
            raise DataError(message)

    @property
    def valid(self) -> Tensor:
        """Where the camera saw something, (time, height, width) bool."""
        return ~self.frames.isnan()

    @property
    def seconds(self) -> float:
        """Time from the first to the last frame."""
        return float(self.timestamps[-1] - self.timestamps[0])

    @property
    def rate(self) -> float | None:
        """Frames per second by the median interval; None for a single frame or times that stand still."""
        if len(self.timestamps) < 2:
            return None
        interval = float(self.timestamps.diff().median())
        return 1 / interval if interval > 0 else None

    def crop(self, top: int, left: int, height: int, width: int) -> Self:
        """The video of a part of the image.

        Raises:
            ShapeError: if the part is not inside the image.
        """
        rows, columns = self.frames.shape[1:]
        if not (0 <= top < top + height <= rows and 0 <= left < left + width <= columns):
            message = f"rows {top} to {top + height} and columns {left} to {left + width} are not inside {columns} x {rows} pixels"
            raise ShapeError(message)
        part = self.frames[:, top : top + height, left : left + width]
        camera = None if self.intrinsics is None else self.intrinsics.crop(top, left, height, width)
        return replace(self, frames=part, intrinsics=camera)
