"""A whole run drawn with its truth."""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from foreknow.angiography.simulate.anatomy import AnatomySettings, draw_anatomy
from foreknow.angiography.simulate.bolus import Bolus, BolusSettings, coronary_flow, draw_bolus, streaks
from foreknow.angiography.simulate.catheter import Catheter, CatheterSettings, draw_catheter
from foreknow.angiography.simulate.detector import DetectorSettings, DisplaySettings, detect, drawn_quanta, exposure, store
from foreknow.angiography.simulate.heart import Heart, HeartSettings, draw_heart
from foreknow.angiography.simulate.leads import draw_leads
from foreknow.angiography.simulate.motion import Motion, MotionSettings, draw_motion
from foreknow.angiography.simulate.splat import refine, splat_tubes
from foreknow.angiography.simulate.tree import CoronaryTree, TreeSettings, grow_tree
from foreknow.angiography.simulate.view import View, ViewSettings, draw_view
from foreknow.errors import ParameterError
from foreknow.simulate.blur import gaussian_blur
from foreknow.simulate.fields import uniform

_ROUGH = 2.0  # mm of path over which concentration is interpolated


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What is drawn by `simulate_run`.

    Attributes:
        frames: of the run.
        size: pixels of a side; the field of view stays the same.
        rate: frames a second (7.5 to 30).
        artery: ``left`` or ``right``.
        contrast: False draws the same run without an injection.
        visible: vessel attenuation, as it is measured, from which a pixel belongs to the vessel mask (choice: about three
            times the noise; XCAD masks leave out paler twigs).
        reflux: contrast agent that spills into the aorta, relative (choice).
        heart: the heart's surface.
        tree: the vessels.
        view: the projection.
        bolus: the contrast agent.
        motion: what moves.
        catheter: the catheter, or None for none.
        anatomy: the background.
        detector: from attenuation to a signal.
        display: from a signal to stored values.

    Raises:
        ParameterError: if there would be no frames, or pixels too few or too many.
    """

    frames: int = 60
    size: int = 512
    rate: float = 15.0
    artery: str = "left"
    contrast: bool = True
    visible: float = 0.08
    reflux: float = 0.5
    heart: HeartSettings = field(default_factory=HeartSettings)
    tree: TreeSettings = field(default_factory=TreeSettings)
    view: ViewSettings = field(default_factory=ViewSettings)
    bolus: BolusSettings = field(default_factory=BolusSettings)
    motion: MotionSettings = field(default_factory=MotionSettings)
    catheter: CatheterSettings | None = field(default_factory=CatheterSettings)
    anatomy: AnatomySettings = field(default_factory=AnatomySettings)
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    display: DisplaySettings = field(default_factory=DisplaySettings)

    def __post_init__(self) -> None:
        if not (self.frames >= 1 and 32 <= self.size <= 2048 and self.rate > 0):
            message = (
                f"a run needs at least one frame, 32 to 2048 pixels a side and a rate above 0, not {self.frames} frames of "
                f"{self.size} pixels at {self.rate} a second"
            )
            raise ParameterError(message)
        if self.artery not in {"left", "right"}:
            message = f"the artery is left or right, not {self.artery!r}"
            raise ParameterError(message)


@dataclass(frozen=True, slots=True)
class SimulatedRun:
    """A drawn run and the truth about it. Images are (frames, size, size).

    Attributes:
        frames: stored values, int32, of ``settings.display.bits`` bits.
        attenuation: float32, what a reader of the frames takes for attenuation, before rounding to stored values, less a constant:
            vessels + background + noise. For frames processed for display that is the same multiple and sharpening of each.
        vessels: float32 attenuation by contrast agent in vessels as it is measured: lessened by scatter, blurred.
        background: float32 attenuation of all else, catheter included, as it is measured.
        absorption: float32 attenuation by contrast agent on the primary ray, neither scattered nor blurred.
        mask: bool, where ``vessels`` (before display) is at least ``settings.visible``.
        catheter_mask: bool, where the catheter is.
        tree: the vessels at rest.
        tracks: (frames, points, 2) place of the tree's points, column and row in pixels; float32.
        widths: (frames, points) diameter in pixels; float32.
        concentration: (frames, points) of contrast agent, relative; float32.
        bolus: the injection.
        motion: what moved and how.
        view: the projection.
        settings: what was asked for.
    """

    frames: Tensor
    attenuation: Tensor
    vessels: Tensor
    background: Tensor
    absorption: Tensor
    mask: Tensor
    catheter_mask: Tensor
    tree: CoronaryTree
    tracks: Tensor
    widths: Tensor
    concentration: Tensor
    bolus: Bolus
    motion: Motion
    view: View
    settings: RunSettings


def simulate_run(settings: RunSettings | None = None, seed: int | torch.Generator = 0) -> SimulatedRun:
    """Draw a run; the same settings and seed give the same run, bit by bit.

    Args:
        settings: what is drawn; by default 60 frames of 512 x 512.
        seed: of all random numbers, or the generator (CPU) that gives them.
    """
    settings = settings or RunSettings()
    generator = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
    heart = draw_heart(settings.heart, generator)
    tree = grow_tree(settings.tree, heart, settings.artery, generator)
    view = draw_view(settings.view, settings.artery, settings.size, generator)
    motion = draw_motion(settings.motion, settings.frames, settings.rate, generator)
    bolus = draw_bolus(settings.bolus, generator)
    concentration = _concentration(settings, tree, motion, bolus, generator)
    tracks, radius = _project(tree.points, tree.radius, heart, view, motion)
    absorption = bolus.opacity * _lumen(tree, tracks, radius, concentration, view)
    absorption = absorption + bolus.opacity * _reflux(settings, tracks, concentration, view, generator)
    background = draw_anatomy(settings.anatomy, heart, view, motion, generator)
    catheter = torch.zeros_like(background)
    if settings.catheter is not None:
        drawn = draw_catheter(settings.catheter, heart, tree.points[0], tree.points[15], generator)
        filled = bolus.opacity * concentration[:, 0]
        catheter = _catheter(settings.catheter, drawn, filled, heart, view, motion)
        background = background + catheter + draw_leads(settings.catheter, view, motion.pan, generator)
    return _frames(settings, view, absorption, background, catheter, generator, tree, tracks, radius, concentration, bolus, motion)


def _frames(
    settings: RunSettings, view: View, absorption: Tensor, background: Tensor, catheter: Tensor, generator: torch.Generator,
    tree: CoronaryTree, tracks: Tensor, radius: Tensor, concentration: Tensor, bolus: Bolus, motion: Motion,
) -> SimulatedRun:  # fmt: skip
    """The detector's part, and all of it put together."""
    detector, display, pixel = settings.detector, settings.display, view.pixel
    scatter = uniform(detector.scatter, generator)
    without = exposure(background, detector, scatter, pixel)
    expected = exposure(background + absorption, detector, scatter, pixel) if settings.contrast else without
    measured = detect(expected, detector, drawn_quanta(expected, detector, pixel, generator), pixel, generator)
    rest = -torch.log(without)
    vessels = -torch.log(expected) - rest
    mask = vessels >= settings.visible
    attenuation = display.process(-torch.log(measured), pixel)
    shown_rest = display.process(rest, pixel)
    brightest = float(shown_rest[0].quantile(0.01)) + math.log(uniform(display.level, generator))
    return SimulatedRun(
        store(attenuation, display, brightest), attenuation, display.process(vessels, pixel), shown_rest, absorption, mask,
        catheter > 0.03, tree, tracks.float(), 2 * radius.float(), concentration.float(), bolus, motion, view, settings,
    )  # fmt: skip


def _concentration(settings: RunSettings, tree: CoronaryTree, motion: Motion, bolus: Bolus, generator: torch.Generator) -> Tensor:
    """(frames, points): on a coarse grid of path, then by interpolation; streaks move with the stream."""
    seconds = torch.arange(settings.frames, dtype=torch.float64) / settings.rate
    grid = torch.arange(0, float(tree.path.max()) + 2 * _ROUGH, _ROUGH, dtype=torch.float64)
    rough = bolus.concentration(seconds, grid, coronary_flow(motion.phase, settings.artery))
    span = int((settings.frames / settings.rate * bolus.speed + float(grid[-1])) / _ROUGH) + 2
    column = streaks(settings.bolus, span, _ROUGH, generator)
    if not settings.contrast:
        return torch.zeros(settings.frames, len(tree.path), dtype=torch.float64)
    shift = ((float(grid[-1]) - grid)[None] + bolus.speed * seconds[:, None]) / _ROUGH
    rough = rough * column[shift.long().clamp(0, span - 1)]
    place = tree.path / _ROUGH
    left = place.long()
    return rough[:, left] + (place - left) * (rough[:, left + 1] - rough[:, left])


def _project(
    points: Tensor, radius: Tensor, heart: Heart, view: View, motion: Motion, grip: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Places (frames, points, 2) and radii (frames, points) in pixels."""
    tracks, magnification = view.project(motion.beat(points, heart, grip))
    return tracks + motion.pan[:, None] / view.pixel, radius * magnification / view.pixel


def _lumen(tree: CoronaryTree, tracks: Tensor, radius: Tensor, concentration: Tensor, view: View) -> Tensor:
    """Length of rays inside the lumen times concentration, mm; the slices are no longer than two thirds of a pixel."""
    parts = max(1, round(0.6 / view.pixel))
    joined = torch.cat((tracks, radius[..., None], (concentration * tree.steps)[..., None] / parts), dim=-1)
    fine = refine(joined, parts)
    last = torch.cat((tree.branch[1:] != tree.branch[:-1], torch.ones(1, dtype=torch.bool))).repeat_interleave(parts)
    fine[:, last, 3] = 0
    lengths = (concentration * tree.steps)[..., None].expand(*concentration.shape, parts).flatten(-2) / parts
    return splat_tubes(fine[..., :2], fine[..., 2], lengths, view.size)


def _reflux(settings: RunSettings, tracks: Tensor, concentration: Tensor, view: View, generator: torch.Generator) -> Tensor:
    """A fuzzy puff in the aorta at the ostium, pulsing with the injection; mm of undiluted agent."""
    frames = tracks.shape[0]
    strength = settings.reflux * uniform((0.0, 1.0), generator)
    cloud = torch.randn(12, 2, generator=generator, dtype=torch.float64) * 2.2 / view.pixel
    flicker = torch.rand(frames, 12, generator=generator, dtype=torch.float64)
    backwards = tracks[:, :1] - tracks[:, 10:11]
    backwards = backwards / backwards.norm(dim=-1, keepdim=True).clamp_min(1e-6) * 3.0 / view.pixel
    radius = torch.full((frames, 12), 2.4 / view.pixel, dtype=torch.float64)
    mass = strength * flicker * concentration[:, :1].sqrt() * 2.0
    return gaussian_blur(splat_tubes(tracks[:, :1] + backwards + cloud, radius, mass, view.size), 1.2 / view.pixel)


def _catheter(settings: CatheterSettings, catheter: Catheter, filled: Tensor, heart: Heart, view: View, motion: Motion) -> Tensor:
    """Attenuation of wall and filling, (frames, size, size)."""
    radius = torch.full((len(catheter.points),), catheter.radius, dtype=torch.float64)
    places, outer = _project(catheter.points, radius, heart, view, motion, catheter.grip)
    parts = max(1, round(0.6 / view.pixel))
    fine = refine(torch.cat((places, outer[..., None]), dim=-1), parts)
    step = 0.4 / parts
    lengths = torch.full(fine.shape[:2], step, dtype=torch.float64)
    inner = fine[..., 2] * (1 - settings.wall / catheter.radius)
    wall = splat_tubes(fine[..., :2], fine[..., 2], lengths * settings.opacity, view.size)
    lumen = splat_tubes(fine[..., :2], inner, lengths * (filled[:, None] - settings.opacity), view.size)
    return (wall + lumen).clamp_min(0)
