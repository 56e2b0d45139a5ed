"""Where the neck is in a depth picture, and where on it the laryngeal prominence lies at rest."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from foreknow.errors import DataError
from foreknow.files.depth import Intrinsics
from foreknow.simulate.blur import gaussian_blur

WORKING_MM = 2.2
"""Largest side of a pixel of the working picture, millimetres, unless the camera's own are larger."""

_COARSE_MM = 4.0
_BODY_MM = 230.0  # of depth, behind the nearest part, that still belongs to the person
_CLOSE_MM = 190.0  # a body narrower than this fills the view: there is no head or shoulder to find the neck between
_ABOVE_MM, _BELOW_MM, _SIDE_MM = 85.0, 75.0, 72.0  # of the neck's narrowest row
_MOUTH_FLOOR = 0.75  # slope of depth over height at which the mouth floor begins
_LARYNX_MM, _LARYNX_SPREAD = 33.0, 6.0  # below the angle between mouth floor and neck: 28 to 38 mm
_BUMP_MM = 10.0  # standard deviation of the prominence


@dataclass(frozen=True, slots=True)
class NeckRegion:
    """The part of the picture that shows the neck, seen by pixels of `WORKING_MM` at most.

    Attributes:
        top: first row in the camera's picture.
        left: first column.
        height: rows, a multiple of ``factor``.
        width: columns, a multiple of ``factor``.
        factor: pixels of the camera along a side of a working pixel.
        camera: of the working picture.
        larynx: (right, down, away) of the laryngeal prominence at rest, millimetres from the camera.
        chin_found: whether the mouth floor was seen; without it the larynx is only guessed.
    """

    top: int
    left: int
    height: int
    width: int
    factor: int
    camera: Intrinsics
    larynx: tuple[float, float, float]
    chin_found: bool

    def working_picture(self, frame: Tensor) -> Tensor:
        """The region of a frame (height, width) in metres -> millimetres on working pixels, NaN where nothing is seen."""
        part = frame[self.top : self.top + self.height, self.left : self.left + self.width]
        return 1000.0 * reduced(part, self.factor)


def reduced(frame: Tensor, factor: int) -> Tensor:
    """Means over squares of ``factor`` pixels of what is seen, NaN where less than half is; (height, width)."""
    if factor == 1:
        return frame
    seen = ~frame.isnan()
    stacked = torch.stack((frame.nan_to_num(0.0), seen.to(frame.dtype)))
    total, share = functional.avg_pool2d(stacked[None], factor)[0]
    return torch.where(share >= 0.5, total / share.clamp(min=1e-3), torch.nan)


def find_neck(depth: Tensor, camera: Intrinsics, name: str = "the recording") -> NeckRegion:
    """Find the neck of the nearest person, and the laryngeal prominence below the angle of the mouth floor.

    Args:
        depth: (height, width) metres, NaN where nothing is seen; best a mean over some frames.
        camera: that saw it.
        name: for sentences.

    Raises:
        DataError: if nothing like a neck is seen.
    """
    seen = ~depth.isnan()
    if float(seen.to(torch.float32).mean()) < 0.02:
        message = f"the camera sees next to nothing in {name}; check its distance and what stands before it"
        raise DataError(message)
    top, left, height, width = _neck_window(depth, camera, name)
    distance = float(depth[top : top + height, left : left + width].nanmedian())
    factor = max(1, math.floor(WORKING_MM * camera.fx / (1000 * distance)))
    factor = min(factor, max(1, min(height, width) // 16))
    height, width = height // factor * factor, width // factor * factor
    if min(height, width) < 16 * factor:
        message = f"the neck is only {width} x {height} pixels wide in {name}; bring the camera nearer"
        raise DataError(message)
    part = camera.crop(top, left, height, width)
    working = Intrinsics(
        width // factor,
        height // factor,
        part.fx / factor,
        part.fy / factor,
        (part.cx - 0.5 * (factor - 1)) / factor,
        (part.cy - 0.5 * (factor - 1)) / factor,
    )
    picture = 1000 * reduced(depth[top : top + height, left : left + width], factor)
    larynx, chin = _larynx(picture, working)
    return NeckRegion(top, left, height, width, factor, working, larynx, chin)


def filled(picture: Tensor, sigma: float) -> Tensor:
    """A picture smoothed by a Gaussian of ``sigma`` pixels, its holes filled from around; (height, width)."""
    seen = (~picture.isnan()).to(picture.dtype)
    typical = picture.nanmedian()
    level = torch.where(picture.isnan(), 0.0, picture - typical)
    weight = gaussian_blur(seen, sigma)
    wide = gaussian_blur(level, 4 * sigma) / gaussian_blur(seen, 4 * sigma).clamp(min=1e-2)
    return typical + (gaussian_blur(level, sigma) + 0.05 * wide) / (weight + 0.05)


def _neck_window(depth: Tensor, camera: Intrinsics, name: str) -> tuple[int, int, int, int]:
    """Rows and columns of the camera's picture that show the neck."""
    from scipy import ndimage  # noqa: PLC0415  (simulating must not wait for it)

    near = float(depth[~depth.isnan()].quantile(0.1)) if depth.numel() < 2**22 else float(depth[::4, ::4].nanquantile(0.1))
    step = max(1, round(_COARSE_MM * camera.fx / (1000 * near)))
    coarse = reduced(depth, step)
    body = (coarse < near + _BODY_MM / 1000).numpy()
    labels, count = ndimage.label(body)
    if not count:
        message = f"nothing that could be a neck is seen in {name}; check the distance of the camera"
        raise DataError(message)
    sizes = ndimage.sum_labels(body, labels, range(1, count + 1))
    body = labels == 1 + int(sizes.argmax())
    pixel = 1000 * near * step / camera.fx
    rows, columns = body.any(1).nonzero()[0], body.any(0).nonzero()[0]
    if pixel * (columns[-1] - columns[0] + 1) < _CLOSE_MM:
        top, bottom = int(rows[0]) * step, min(camera.height, (int(rows[-1]) + 1) * step)
        left, right = int(columns[0]) * step, min(camera.width, (int(columns[-1]) + 1) * step)
        return top, left, bottom - top, right - left
    widths = torch.from_numpy(body.sum(1) * pixel)
    row = _narrowest(widths, pixel)
    if row is None:
        message = f"no neck between head and shoulders is seen in {name}; let the camera see the neck from about 0.5 m"
        raise DataError(message)
    middle = float(body[row].nonzero()[0].mean())
    top = max(0, round((row - _ABOVE_MM / pixel) * step))
    bottom = min(camera.height, round((row + _BELOW_MM / pixel) * step))
    left = max(0, round((middle - _SIDE_MM / pixel) * step))
    right = min(camera.width, round((middle + _SIDE_MM / pixel) * step))
    return top, left, bottom - top, right - left


def _narrowest(widths: Tensor, pixel: float) -> int | None:
    """The row of a body that is narrower than what is above and below it: the neck."""
    best, found = 15.0, None
    for row in range(len(widths)):
        near, far = round(30 / pixel), round(220 / pixel)
        above, below = widths[max(0, row - far) : max(0, row - near)], widths[row + near : row + far]
        if not len(above) or not len(below) or float(widths[row]) < 50:
            continue
        depth = min(float(above.max()), float(below.max())) - float(widths[row])
        if depth > best:
            best, found = depth, row
    return found


def _larynx(picture: Tensor, camera: Intrinsics) -> tuple[tuple[float, float, float], bool]:
    """The laryngeal prominence: on the neck's midline, below the angle of the mouth floor, where it bulges."""
    pixel = float(picture.nanmedian()) / camera.fx
    smooth = filled(picture, 3.0 / pixel)
    middle = _midline(picture, smooth, pixel)
    strip = max(1, round(8 / pixel))
    left, right = max(0, middle - strip), min(camera.width, middle + strip + 1)
    profile = smooth[:, left:right].mean(1)
    angle = _mouth_floor(profile, pixel)
    bulge = filled(picture, 1.6 * _BUMP_MM / pixel) - filled(picture, 0.6 * _BUMP_MM / pixel)  # towards the camera: above 0
    height = bulge[:, left:right].mean(1)
    rows = torch.arange(len(height), dtype=height.dtype)
    if angle is None:
        prior = -0.5 * ((rows - 0.5 * len(rows)) * pixel / 25).square()
    else:
        prior = -0.5 * (((rows - angle) * pixel - _LARYNX_MM) / _LARYNX_SPREAD).square()
    unevenness = 0.25  # millimetres by which bulges of the skin deceive
    row = int((prior + height / unevenness * (prior > -4.5)).argmax())
    away = float(smooth[row, middle])
    return ((middle - camera.cx) / camera.fx * away, (row - camera.cy) / camera.fy * away, away), angle is not None


def _midline(picture: Tensor, smooth: Tensor, pixel: float) -> int:
    """The column about which the neck is most symmetric."""
    rows = slice(len(smooth) // 4, max(len(smooth) // 4 + 1, 3 * len(smooth) // 4))
    part, seen = smooth[rows], ~picture[rows].isnan()
    width, reach = part.shape[1], max(4, round(34 / pixel))
    best, found = math.inf, width // 2
    for column in range(width // 4, max(width // 4 + 1, 3 * width // 4)):
        side = min(reach, column, width - 1 - column)
        left, right = part[:, column - side : column].flip(1), part[:, column + 1 : column + side + 1]
        both = seen[:, column - side : column].flip(1) & seen[:, column + 1 : column + side + 1]
        if int(both.sum()) < 8:
            continue
        cost = float((left - right)[both].abs().mean()) + 0.02 * pixel * (reach - side)
        if cost < best:
            best, found = cost, column
    return found


def _mouth_floor(profile: Tensor, pixel: float) -> float | None:
    """Row of the angle between mouth floor, which comes towards the camera upwards, and neck; None if it is not seen."""
    slope = profile.diff() / pixel
    steep = (slope - slope[len(slope) // 2 :].median() > _MOUTH_FLOOR).nonzero().squeeze(1)
    steep = steep[steep < 0.62 * len(profile)]
    return float(steep[-1]) + 1 if len(steep) * pixel > 5 else None
