"""From a background at a reduced size to that of the frames themselves, whose course in time is the same."""

import torch
from torch import Tensor
from torch.nn import functional

from foreknow.angiography.pan import Pan

_BAND = 64  # rows of the frames at a time
_LEADING = 3e-3  # of the largest singular value: what counts as a direction; of fewer, moving edges leak into the vessels
_ROUNDS = 3


def leading_courses(background: Tensor, share: float) -> Tensor:
    """Orthonormal courses in time (frames, directions) of a background (frames, height, width).

    Args:
        background: the layer.
        share: of the largest singular value; directions below it are left out.
    """
    rows = background.flatten(1).double()
    values, basis = torch.linalg.eigh(rows @ rows.T)
    return basis[:, values > (share**2) * values[-1]].to(background.dtype)


def background_at_full_size(
    attenuation: Tensor, area: Tensor, vessels: Tensor, low_rank: Tensor, reduced_pan: Pan, pan: Pan, factor: int
) -> tuple[Tensor, Tensor]:
    """Vessels and background of frames whose background was found at a reduced size.

    L = U s V^T at the reduced size has the courses in time V that the background has at full size too. Pixel by pixel, the frames
    without vessels are projected onto V, and what exceeds the projection where the reduced vessel layer is above 0 is vessel.

    Args:
        attenuation: (frames, height, width).
        area: (height, width) bool, what was exposed.
        vessels: at the reduced size and in place, (frames, rows, columns).
        low_rank: likewise.
        reduced_pan: how that was put in place.
        pan: the same movement in pixels of the frames.
        factor: of the reduction.

    Returns:
        ``(vessels, background)``, (frames, height, width) each; they sum to the frames.
    """
    basis = leading_courses(low_rank, _LEADING)
    height, width = attenuation.shape[1:]
    size = (height // factor, width // factor)
    support = _enlarged(reduced_pan.restore(vessels, size), height, width)
    found = torch.zeros_like(attenuation)
    if pan.reach:  # the course of a place is along the canvas
        frames, hidden = pan.align(attenuation), pan.align(support)
        seen = pan.align(area.expand_as(attenuation).contiguous())
        placed = torch.zeros_like(frames)
        for start in range(0, frames.shape[1], _BAND):
            band = slice(start, start + _BAND)
            placed[:, band] = vessels_beyond(frames[:, band], hidden[:, band], basis, seen[:, band])
        found = pan.restore(placed, (height, width))
    else:
        for start in range(0, height, _BAND):
            band = slice(start, start + _BAND)
            found[:, band] = vessels_beyond(
                attenuation[:, band], support[:, band], basis, area[band].expand_as(attenuation[:, band])
            )
    found = torch.where(area, found, 0.0)
    return found, attenuation - found


def _enlarged(vessels: Tensor, height: int, width: int) -> Tensor:
    """(frames, height, width) in half precision: it is what the alternation begins with, and where it looks."""
    whole = vessels.new_empty(len(vessels), height, width, dtype=torch.float16)
    for frame, small in zip(whole, vessels, strict=True):
        frame.copy_(functional.interpolate(small[None, None], size=(height, width), mode="bilinear", align_corners=False)[0, 0])
    return whole


def vessels_beyond(frames: Tensor, support: Tensor, basis: Tensor, seen: Tensor) -> Tensor:
    """Alternating: the background of a pixel is the projection of what is no vessel, the vessel what exceeds it on the support.

    Args:
        frames: (frames, height, width).
        support: where vessels may be, larger than 0 there; what it begins with.
        basis: courses in time of the background, `leading_courses`.
        seen: (frames, height, width) bool, what is not hidden.
    """
    shape = frames.shape
    data, hidden, known = frames.flatten(1), support.flatten(1).to(frames.dtype), seen.flatten(1)
    vessels = hidden
    for _ in range(_ROUNDS):
        rest = torch.where(known, data - vessels, 0.0)
        background = basis @ (basis.T @ rest)
        vessels = torch.where(known & (hidden > 0), (data - background).clamp_min(0), 0.0)
    return vessels.reshape(shape)
