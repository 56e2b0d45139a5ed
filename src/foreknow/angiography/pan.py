"""Movement of the whole picture: the table pans, or the patient moves; found by phase correlation, undone by whole pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from foreknow.simulate.blur import gaussian_blur

_FINE, _COARSE = 1.0, 6.0  # standard deviations of the band-pass, pixels of the reduced picture
_WORKING_SIDE = 256
_REACH = 0.12  # of the side: no frame is farther from the one before
_CLEAR = 1.15  # how much higher than the correlation at rest a peak must be, to be movement
_ROUNDS = 2


@dataclass(frozen=True)
class Pan:
    """Where the content of each frame has gone.

    Attributes:
        shifts: (frames, 2) whole pixels down and right against the first frame, int64.
        top: (2,) of the smallest shift of each axis: what becomes row and column 0 of the canvas.
        canvas: height and width that hold all frames in place.
    """

    shifts: Tensor = field(repr=False)
    top: tuple[int, int]
    canvas: tuple[int, int]

    @property
    def reach(self) -> float:
        """The largest distance between two frames, pixels."""
        spread = self.shifts.amax(0) - self.shifts.amin(0)
        return float(spread.double().norm())

    def align(self, frames: Tensor) -> Tensor:
        r"""Frames (frames, height, width) with their content in place, (frames, \*canvas); 0 (or False) where there is none."""
        if not self.reach:
            return frames
        placed = frames.new_zeros(len(frames), *self.canvas)
        for frame, target, (down, right) in zip(frames, placed, self._corners(), strict=True):
            target[down : down + frame.shape[0], right : right + frame.shape[1]] = frame
        return placed

    def restore(self, placed: Tensor, size: tuple[int, int]) -> Tensor:
        r"""The frames (frames, \*size) out of their places."""
        if not self.reach:
            return placed
        windows = zip(placed, self._corners(), strict=True)
        return torch.stack([picture[down : down + size[0], right : right + size[1]] for picture, (down, right) in windows])

    def _corners(self) -> list[tuple[int, int]]:
        """Content that went down and right is put back up and left."""
        largest = self.shifts.amax(0)
        return [(int(down), int(right)) for down, right in (largest - self.shifts).tolist()]


def no_pan(frames: int, size: tuple[int, int]) -> Pan:
    """Frames that stay in place."""
    return Pan(torch.zeros(frames, 2, dtype=torch.int64), (0, 0), size)


def find_pan(attenuation: Tensor, opened: Tensor, least: float = 2.0) -> Pan:
    """Movement of the whole picture from frame to frame, then against the median of the frames in place.

    What beats or breathes is a part of the picture only; the strongest peak of the phase correlation (Kuglin and Hines 1975) is
    that of the rest. A peak that is little higher than the correlation at rest is no movement, so that shutters, noise that is
    fixed to the detector, and pictures without structure do not pan.

    Args:
        attenuation: (frames, height, width).
        opened: (height, width) bool, where X-rays came through.
        least: pixels; a smaller movement over the run is left to the low rank.
    """
    size = (attenuation.shape[-2], attenuation.shape[-1])
    if len(attenuation) < 2:
        return no_pan(len(attenuation), size)
    factor = max(1, math.ceil(max(size) / _WORKING_SIDE))
    small = torch.nn.functional.avg_pool2d(attenuation[:, None], factor)[:, 0] if factor > 1 else attenuation
    area = opened[: small.shape[1] * factor : factor, : small.shape[2] * factor : factor]
    spectrum = _spectrum(small, area)
    steps = _peaks(spectrum[1:] * spectrum[:-1].conj(), _reach(small))
    places = torch.cat((torch.zeros(1, 2, dtype=steps.dtype), steps.cumsum(0)))
    for _ in range(_ROUNDS):
        if not bool(places.any()):
            break
        template = _spectrum(_rolled(small, -places).median(dim=0).values[None], area)
        moved = spectrum * _ramp(places, small)  # the content back in place, by the shift theorem
        places = places + _peaks(moved * template.conj(), max(2, _reach(small) // 4))
    places = (factor * (places - places[:1])).round().long()
    spread = places.amax(0) - places.amin(0)
    if float(spread.double().norm()) < least:
        return no_pan(len(attenuation), size)
    low = places.amin(0).tolist()
    extent = spread.tolist()
    return Pan(places, (int(low[0]), int(low[1])), (size[0] + int(extent[0]), size[1] + int(extent[1])))


def _spectrum(frames: Tensor, area: Tensor) -> Tensor:
    """Spectra of band-passed frames, faded out at the borders."""
    inside = area.float()
    filled = torch.where(area, frames, _mean(frames, inside))
    fade = gaussian_blur(inside, _COARSE) * _window(inside)
    return torch.fft.rfft2((gaussian_blur(filled, _FINE) - gaussian_blur(filled, _COARSE)) * fade)


def _mean(frames: Tensor, inside: Tensor) -> Tensor:
    return (frames * inside).sum((-2, -1), keepdim=True) / inside.sum().clamp_min(1)


def _window(like: Tensor) -> Tensor:
    rows, columns = (torch.hann_window(side, periodic=False).sqrt() for side in like.shape)
    return rows[:, None] * columns[None]


def _reach(frames: Tensor) -> int:
    return max(2, int(_REACH * min(frames.shape[-2:])))


def _peaks(cross: Tensor, reach: int) -> Tensor:
    """Shifts (n, 2) in pixels, with fractions, of cross spectra; 0 where no peak is clear."""
    phase = cross / cross.abs().clamp_min(1e-12)
    weight = cross.abs().sqrt()
    plane = torch.fft.irfft2(phase * weight)
    near = torch.roll(plane, (reach, reach), (-2, -1))[..., : 2 * reach + 1, : 2 * reach + 1]
    side = 2 * reach + 1
    best = near.flatten(1).argmax(dim=1)
    row, column = best // side, best % side
    item = torch.arange(len(near))
    height = near[item, row, column]
    clear = height > _CLEAR * near[:, reach, reach].clamp_min(0)
    fine = [
        _vertex(*(near[item, (row + dr).clamp(0, side - 1), (column + dc).clamp(0, side - 1)] for dr, dc in places))
        for places in (((-1, 0), (0, 0), (1, 0)), ((0, -1), (0, 0), (0, 1)))
    ]
    found = torch.stack((row - reach + fine[0], column - reach + fine[1]), dim=1)
    return torch.where(clear[:, None], found, torch.zeros_like(found))


def _vertex(before: Tensor, here: Tensor, after: Tensor) -> Tensor:
    """Where the parabola through three neighbours is largest, in (-0.5, 0.5)."""
    bend = before - 2 * here + after
    return torch.where(bend < 0, (before - after) / (2 * bend.clamp_max(-1e-12)), torch.zeros_like(bend)).clamp(-0.5, 0.5)


def _ramp(places: Tensor, frames: Tensor) -> Tensor:
    rows = torch.fft.fftfreq(frames.shape[-2])[None, :, None] * places[:, 0, None, None]
    columns = torch.fft.rfftfreq(frames.shape[-1])[None, None] * places[:, 1, None, None]
    return torch.exp(2j * math.pi * (rows + columns))


def _rolled(frames: Tensor, places: Tensor) -> Tensor:
    shifts = [(int(down), int(right)) for down, right in places.round().tolist()]
    return torch.stack([frame.roll(shift, (0, 1)) for frame, shift in zip(frames, shifts, strict=True)])
