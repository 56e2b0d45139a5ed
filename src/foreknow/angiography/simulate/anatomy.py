"""What lies before and behind the vessels: heart, mediastinum, diaphragm, lungs, bones, collimator, each with its own motion."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.angiography.simulate.bodies import Ellipsoids, ellipsoids
from foreknow.angiography.simulate.bones import ribs, spine
from foreknow.angiography.simulate.heart import Heart
from foreknow.angiography.simulate.lung import lung_markings
from foreknow.angiography.simulate.motion import Motion
from foreknow.angiography.simulate.view import View
from foreknow.errors import ParameterError
from foreknow.simulate.blur import moved
from foreknow.simulate.fields import power_law_field, smooth_field, uniform

_MARGIN = 48.0  # mm around the picture: more than anything moves


@dataclass(frozen=True, slots=True)
class AnatomySettings:
    """Attenuation of what is not contrast agent; ranges are drawn from evenly for each run.

    Attributes:
        soft_tissue: attenuation of heart and liver above that of lung, 1/mm. Water has 0.02 at 60 keV, inflated lung 0.006; beam
            hardening and the automatic exposure leave less (by the heart-to-lung contrast of XCAD frames: a factor 2 to 4).
        mediastinum: of great vessels and the tissue about them, 1/mm.
        bone: attenuation of a vertebral body beyond its soft tissue (choice by the look of XCAD frames; ribs have half of it).
        lung: standard deviation of markings of the lung (XCAD: 0.05 to 0.12 in lung).
        texture: standard deviation of the fine structure of all other tissue (chosen so that the power at 0.1 cycles
            per pixel is that of XCAD frames).
        slope: of the power spectrum of that texture (XCAD frames as a whole: 3.0 to 3.4 from 0.02 to 0.2 cycles per pixel).
        wedge: probability of a wedge filter over a bright part; its attenuation is 0.3 to 0.9.
        collimator: probability that blades are in the picture.

    Raises:
        ParameterError: if a range is not in order or negative.
    """

    soft_tissue: tuple[float, float] = (0.009, 0.014)
    mediastinum: tuple[float, float] = (0.003, 0.007)
    bone: tuple[float, float] = (0.1, 0.35)
    lung: tuple[float, float] = (0.06, 0.12)
    texture: tuple[float, float] = (0.05, 0.11)
    slope: float = 3.3
    wedge: float = 0.4
    collimator: float = 0.4

    def __post_init__(self) -> None:
        ranges = (self.soft_tissue, self.mediastinum, self.bone, self.lung, self.texture)
        if not all(0 <= low <= high for low, high in ranges):
            message = f"anatomy needs ranges of 0 or more in order, not {self}"
            raise ParameterError(message)


def draw_anatomy(
    settings: AnatomySettings, heart: Heart, view: View, motion: Motion, generator: torch.Generator | None = None
) -> Tensor:
    """Attenuation of everything but catheter and contrast agent, (frames, size, size) float32, about 0 in its brightest part.

    Args:
        settings: how much each attenuates.
        heart: whose silhouette is seen.
        view: from where.
        motion: of heart, chest and table.
        generator: source of all random numbers (CPU).
    """
    frames, size, pixel = len(motion.cardiac), view.size, view.pixel
    right, down = view.grid()
    pan = motion.pan.to(torch.float32)
    crooked = 1.6 * smooth_field((size, size), 16 / pixel, generator, batch=2)
    x = right + crooked[0] - pan[:, 0, None, None]
    y = down + crooked[1] - pan[:, 1, None, None]
    tissue = uniform(settings.soft_tissue, generator)
    left, aside = (body.chords(x, y) for body in _heart(heart, view, motion))
    heart_mm = (left**4 + aside**4).sqrt().sqrt()  # they lie within each other, so that no ray has both in full
    domes_mm = sum(body.chords(x, y) for body in _domes(view, motion, generator))
    trunk_mm = _mediastinum(view, frames).chords(x, y)
    solid = tissue * (heart_mm + 0.8 * domes_mm) + uniform(settings.mediastinum, generator) * trunk_mm
    total = 2.2 * torch.tanh(solid / 2.2)  # no ray meets all organs at full depth
    aerated = torch.exp(-solid / 0.35)
    markings, breath, slow = _pictures(settings, view, generator)
    z_down = float(view.axes[1, 2])  # how far down in the picture a movement to the head appears: about -1
    breathing = motion.breathing.to(torch.float32)
    beat = motion.cardiac.to(torch.float32)
    down_shift = -z_down * breathing
    shift = torch.stack((0.6 * down_shift + 0.8 * beat, 0.9 * beat), dim=1) + pan.flip(1)
    total = total + (0.25 + 0.75 * aerated) * moved(markings, shift / pixel, (size, size))
    shift = torch.stack((0.35 * down_shift, torch.zeros_like(down_shift)), dim=1) + pan.flip(1)
    total = total + moved(breath, shift / pixel, (size, size))
    still = moved(slow, pan.flip(1) / pixel, (size, size)) if bool(motion.pan.any()) else moved(slow, pan[:1], (size, size))
    total = total + still + _filters(settings, view, generator)
    return total - total[0].quantile(0.02)


def _heart(heart: Heart, view: View, motion: Motion) -> tuple[Ellipsoids, Ellipsoids]:
    """Left and right heart: a little outside the coronary arteries; the silhouette beats less than they do."""
    contraction = motion.cardiac
    axes = view.axes @ heart.axes
    narrow = 1 - 0.45 * motion.shortening * contraction
    half = (
        1.06 * heart.half_axes * torch.stack((narrow, narrow, 1 - 0.3 * motion.descent / heart.half_axes[2] * contraction), dim=1)
    )
    middle = motion.breathing_heart + (0.4 * motion.descent * contraction)[:, None] * heart.axes[:, 2]
    left = ellipsoids(axes.expand(len(contraction), 3, 3), half, middle @ view.axes.T)
    aside = torch.tensor([-36.0, 0.0, -2.0], dtype=torch.float64) + motion.breathing_heart
    size = torch.tensor([52.0, 48.0, 66.0], dtype=torch.float64) * (1 - 0.06 * (1 - contraction))[:, None]
    return left, ellipsoids(view.axes, size, aside @ view.axes.T)


def _domes(view: View, motion: Motion, generator: torch.Generator | None) -> list[Ellipsoids]:
    """Both domes of the diaphragm with what is below."""
    jitter = 6 * torch.randn(2, 3, generator=generator, dtype=torch.float64)
    centres = torch.tensor([[-62.0, 0.0, -118.0], [70.0, 8.0, -126.0]], dtype=torch.float64) + jitter
    half = torch.tensor([[78.0, 82.0, 74.0], [70.0, 80.0, 72.0]], dtype=torch.float64)
    fall = torch.stack((torch.zeros_like(motion.breathing), torch.zeros_like(motion.breathing), -motion.breathing), dim=1)
    return [ellipsoids(view.axes, half[side], (centres[side] + fall) @ view.axes.T) for side in range(2)]


def _mediastinum(view: View, frames: int) -> Ellipsoids:
    centre = torch.tensor([-8.0, 25.0, 70.0], dtype=torch.float64).expand(frames, 3)
    return ellipsoids(view.axes, torch.tensor([46.0, 50.0, 120.0], dtype=torch.float64), centre @ view.axes.T)


def _pictures(settings: AnatomySettings, view: View, generator: torch.Generator | None) -> tuple[Tensor, Tensor, Tensor]:
    """Large pictures that move as a whole: with the lungs, with the ribs, and at rest."""
    margin = math.ceil(_MARGIN / view.pixel)
    count = view.size + 2 * margin
    line = (torch.arange(count, dtype=torch.float32) - (count - 1) / 2) * view.pixel
    right, down = line[None] + float(view.centre[0]), line[:, None] + float(view.centre[1])
    anterior = view.axes[:2, :] @ torch.tensor([0.0, 75.0, 0.0], dtype=torch.float64)  # the spine: 75 mm behind the isocentre
    squeeze = abs(float(view.axes[1, 2]))
    hila = tuple(
        (float(place[0]), float(place[1]))
        for place in torch.tensor([[-40.0, 20.0, 25.0], [34.0, 20.0, 22.0]], dtype=torch.float64) @ view.axes[:2].T
    )
    markings = uniform(settings.lung, generator) * lung_markings(right, down, hila, view.pixel, generator)
    bone = uniform(settings.bone, generator)
    cage = bone / 2 * ribs(right, down, float(anterior[0]), squeeze, generator)
    rest = bone * spine(right, down, float(anterior[0]), squeeze, generator)
    amount = uniform(settings.texture, generator)
    cage = cage + 0.7 * amount * power_law_field((count, count), settings.slope, generator, longest=40 / view.pixel)
    rest = rest + 0.7 * amount * power_law_field((count, count), settings.slope, generator, longest=40 / view.pixel)
    rest = rest + 0.12 * smooth_field((count, count), 45 / view.pixel, generator)
    return markings, cage, rest


def _filters(settings: AnatomySettings, view: View, generator: torch.Generator | None) -> Tensor:
    """Wedge filter and collimator blades, (size, size): they stay while the table moves."""
    right, down = view.grid()
    half = view.size * view.pixel / 2
    x, y = (right - float(view.centre[0])) / half, (down - float(view.centre[1])) / half
    total = torch.zeros(view.size, view.size)
    draw = torch.rand(6, generator=generator)
    angle = uniform((-0.5 * math.pi, 0.5 * math.pi), generator)
    edge, depth = uniform((0.2, 0.8), generator), uniform((0.3, 0.9), generator)
    if float(draw[0]) < settings.wedge:
        total = total + depth * torch.sigmoid((x * math.cos(angle) + y * math.sin(angle) - edge) / 0.12)
    if float(draw[1]) < settings.collimator:
        for number, side in enumerate((x, -x, y, -y)):
            inset = 0.15 * float(draw[2 + number]) - 0.06
            total = total + 1.6 * torch.sigmoid((side - 1 + inset) / 0.012)
    return total
