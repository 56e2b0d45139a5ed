"""What holds for a whole slide: its background, its noise, how large its cells and nuclei are."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foreknow.cytology.background import reduced
from foreknow.cytology.bands import smoothed
from foreknow.cytology.density import density_of_values, planes_of
from foreknow.cytology.detect import FieldScale, detect_on
from foreknow.cytology.finder import BackgroundFinder, FoundBackground, SolvedBackground
from foreknow.cytology.nuclei import NucleusLook, look_of
from foreknow.cytology.region import density_noise
from foreknow.cytology.settings import DetectSettings
from foreknow.cytology.slide_file import Slide, SlideWindow
from foreknow.cytology.split import thickness_of_parts
from foreknow.cytology.surface import at_pixels
from foreknow.errors import DataError
from foreknow.files import atomic_path

_WINDOW = 160  # pixels that are looked at of a block
_READ = 1024  # pixels that are read together
_AVERAGE = 4  # pixels, before the brightest are sought
_BRIGHT = (0.1, 0.3)  # quantiles of density between which glass is
_SEEN = 0.5  # of a square or window, at least, that must have been scanned to tell anything
_USUAL = 0.25  # quantile of density over the squares
_SAMPLE, _SAMPLES = 768, 9  # side of the windows that tell scale, and how many
_CENTRE = 0.02  # optical density: what may be glass at first
_THIRD = 3  # pixels from one that is looked at for it to the next


@dataclass(frozen=True)
class SlideScale:
    """What holds for a whole slide.

    Attributes:
        background: on the coarse grid, whose squares are ``block`` pixels.
        block: side of a square.
        offset: (channels,) optical density to be added to the background: where glass lies on average.
        scale: of noise, cells and nuclei.
    """

    background: FoundBackground = field(repr=False)
    block: int
    offset: Tensor
    scale: FieldScale

    def surface(self, top: int, left: int, height: int, width: int) -> Tensor:
        """The background of a window, (channels, height, width)."""
        return at_pixels(self.background.surface + self.offset[:, None, None], self.block, (height, width), (top, left))

    def save(self, path: Path) -> None:
        """Write it to a file."""
        look = self.scale.look
        told = {
            "block": self.block,
            "radius": self.scale.radius,
            "thickness": self.scale.thickness,
            "look": None if look is None else [look.area, look.contrast],
            "certificate": self.background.certificate,
            "notices": list(self.background.notices),
        }
        arrays = (self.background.surface.numpy(), self.offset.numpy(), self.scale.noise.numpy())
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, surface=arrays[0], offset=arrays[1], noise=arrays[2], told=np.array(json.dumps(told)))

    @classmethod
    def load(cls, path: Path) -> SlideScale:
        """What `save` wrote."""
        with np.load(path, allow_pickle=False) as content:
            told = json.loads(str(content["told"]))
            surface, offset, noise = (torch.as_tensor(content[name]) for name in ("surface", "offset", "noise"))
        look = None if told["look"] is None else NucleusLook(*told["look"])
        background = FoundBackground(surface, told["certificate"], tuple(told["notices"]))
        return cls(background, told["block"], offset, FieldScale(noise, told["radius"], look, told["thickness"]))


def slide_scale(slide: Slide, settings: DetectSettings, finder: BackgroundFinder | None = None) -> SlideScale:
    """Look at a slide all over, a window of each square of the coarse grid, and closer at a few places.

    Of each window the brightest part counts, so that squares full of cells but for a gap still tell the glass.

    Args:
        slide: at the size that is worked on.
        settings: how cells are found.
        finder: of the background; the solver if None.

    Raises:
        DataError: if there is nothing but one value.
    """
    height, width = slide.size
    block = max(8, math.ceil(max(height, width) / settings.side))
    rows, columns = max(1, height // block), max(1, width // block)
    if min(rows, columns) < 8:
        block = max(8, min(height, width) // 8)
        rows, columns = height // block, width // block
    y = _glass(slide, rows, columns, block)
    if float(y.amax() - y.amin()) == 0:
        message = "the slide has the same value everywhere: there is nothing to find"
        raise DataError(message)
    background = (finder or SolvedBackground()).find_coarse(y, settings)
    return _looked_closer(slide, background, block, settings)


def _glass(slide: Slide, rows: int, columns: int, block: int) -> Tensor:
    """Density of the brightest part of each square, (channels, rows, columns); neighbours are read together, as files hold them.

    Where half of a square or more was not scanned, it is what is usual of the bright ones of the others.
    """
    side, group = min(block, _WINDOW), max(1, _READ // block)
    inset = (block - side) // 2
    lines = []
    missing = np.zeros((rows, columns), dtype=bool)
    for top in range(0, rows, group):
        line = []
        for left in range(0, columns, group):
            down, across = min(group, rows - top), min(group, columns - left)
            size = ((down - 1) * block + side, (across - 1) * block + side)
            window = slide.window(top * block + inset, left * block + inset, *size)
            line.append(_brightest(_squares(torch.as_tensor(window.pixels), side, block)))
            if window.seen is not None:
                seen = _squares(torch.as_tensor(window.seen), side, block)[0].float().mean(dim=(-2, -1))
                missing[top : top + down, left : left + across] = seen.numpy() <= _SEEN
        lines.append(torch.cat(line, dim=2))
    every = torch.cat(lines, dim=1)
    if missing.all() or not missing.any():
        return every
    gone = torch.as_tensor(missing)
    return torch.where(gone, every[:, ~gone].quantile(_USUAL, dim=1)[:, None, None], every)


def _squares(image: Tensor, side: int, step: int) -> Tensor:
    """Squares of an image (height, width[, channels]) in rows and columns, (channels, down, across, side, side)."""
    planes = image[None] if image.ndim == 2 else image.movedim(-1, 0)
    return planes.unfold(1, side, step).unfold(2, side, step)


def _brightest(squares: Tensor) -> Tensor:
    """Optical density of the brightest part of each square, (channels, down, across)."""
    channels, down, across, side, _ = squares.shape
    density = slide_density(squares.reshape(channels, -1, side).movedim(0, -1).numpy())
    small = reduced(density.reshape(-1, 1, side, side), min(_AVERAGE, side)).reshape(channels, down, across, -1)
    order = small.mean(dim=0).argsort(dim=-1)
    first, last = (int(share * order.shape[-1]) for share in _BRIGHT)
    chosen = order[..., first : max(last, first + 1)]
    return small.gather(-1, chosen.expand(channels, -1, -1, -1)).mean(dim=-1)


def _looked_closer(slide: Slide, background: FoundBackground, block: int, settings: DetectSettings) -> SlideScale:
    height, width = slide.size
    side = (min(_SAMPLE, height), min(_SAMPLE, width))
    across = math.isqrt(_SAMPLES)
    tops = np.unique(np.linspace(0, height - side[0], across).astype(int))
    lefts = np.unique(np.linspace(0, width - side[1], across).astype(int))
    windows, centres, shares = [], [], []
    for top in tops.tolist():
        for left in lefts.tolist():
            window = slide.window(top, left, *side)
            windows.append(above_glass(window, at_pixels(background.surface, block, side, (top, left))))
            centres.append(_centre(windows[-1], window.seen))
            shares.append(1.0 if window.seen is None else float(window.seen.mean()))
    least = min(_SEEN, max(shares))
    windows, centres = ([one for one, share in zip(many, shares, strict=True) if share >= least] for many in (windows, centres))
    offset = torch.stack(centres).nanmedian(dim=0).values.nan_to_num(0.0)
    above = [window - offset[:, None, None] for window in windows]
    noise = torch.stack([density_noise(smoothed(window, settings.smoothing)) for window in above]).median(dim=0).values
    zero = FoundBackground(torch.zeros(()), None)
    whole = [detect_on(window, zero, settings) for window in above]
    contrast = np.concatenate([one.nuclei.contrast for one in whole])
    area = np.concatenate([one.nuclei.areas for one in whole])
    radii = [one.radius for one in whole if one.radius > 0]
    covers = [float(one.mask.mean()) for one in whole if one.radius > 0]
    order = np.argsort(radii)
    total = np.cumsum(np.array(covers)[order]) if radii else np.zeros(0)
    radius = float(np.array(radii)[order][np.searchsorted(total, 0.5 * total[-1])]) if radii else 0.0
    thick = [thickness_of_parts(one.cells, radius) for one in whole]
    typical = float(np.median([one for one in thick if one > 0])) if any(thick) else 0.0
    look = look_of(contrast, area, np.ones(len(area), dtype=bool))
    return SlideScale(background, block, offset, FieldScale(noise, radius, look, typical))


def _centre(window: Tensor, seen: NDArray[np.bool_] | None) -> Tensor:
    """Where glass lies in each channel of what is left, NaN where there is none; found from outside in."""
    centres = []
    values = window[:, ::_THIRD, ::_THIRD]
    for plane in values if seen is None else values[:, torch.as_tensor(seen[::_THIRD, ::_THIRD])]:
        middle, reach = 0.0, _CENTRE
        for _ in range(8):
            near = plane[(plane - middle).abs() < reach]
            if near.numel() < 100:
                middle = math.nan
                break
            middle = float(near.median())
            reach = max(0.004, 2.5 * 1.4826 * float((near - middle).abs().median()))
        centres.append(middle)
    return torch.tensor(centres)


def above_glass(window: SlideWindow, surface: Tensor) -> Tensor:
    """Optical density above the background, (channels, height, width); 0 where nothing was scanned."""
    above = slide_density(window.pixels).sub_(surface)
    return above if window.seen is None else above.mul_(torch.as_tensor(window.seen))


def slide_density(pixels: NDArray[np.generic]) -> Tensor:
    """Optical density, also of windows of one value."""
    return density_of_values(*planes_of(torch.as_tensor(pixels)))
