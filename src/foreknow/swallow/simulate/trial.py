"""A whole repetitive saliva swallowing test before a depth camera, with its truth."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.files.depth import DepthVideo, Intrinsics
from foreknow.simulate.fields import uniform
from foreknow.swallow.simulate.bumps import Channel, sum_of_bumps
from foreknow.swallow.simulate.camera import CameraSettings, poses
from foreknow.swallow.simulate.confounders import EVERY_CONFOUNDER, ConfounderSettings
from foreknow.swallow.simulate.delivery import DeliverySettings, draw_delivery
from foreknow.swallow.simulate.events import Kind, TrueEvent
from foreknow.swallow.simulate.holes import HoleSettings, HoleSource
from foreknow.swallow.simulate.motion import MotionSettings, draw_motion
from foreknow.swallow.simulate.neck import NeckSettings, draw_neck
from foreknow.swallow.simulate.noise import NoiseSettings, NoiseSource
from foreknow.swallow.simulate.renderer import Renderer
from foreknow.swallow.simulate.schedule import ScheduleSettings, draw_schedule
from foreknow.swallow.simulate.swallows import SwallowSettings

_BLOCK = 32  # frames rendered at once: they stay in the cache


@dataclass(frozen=True, slots=True)
class TrialSettings:
    """What is drawn by `simulate_trial`.

    Attributes:
        seconds: length; the test lasts 30.
        rate: frames per second.
        neck: the person's shape.
        swallows: how the person swallows.
        schedule: how often.
        confounders: what else happens.
        motion: breathing, pulse, sway.
        camera: where it stands.
        noise: what it adds.
        holes: what it does not see.
        delivery: frames that are lost or come twice.

    Raises:
        ParameterError: if there would be no frames.
    """

    seconds: float = 30.0
    rate: float = 30.0
    neck: NeckSettings = field(default_factory=NeckSettings)
    swallows: SwallowSettings = field(default_factory=SwallowSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    confounders: ConfounderSettings = EVERY_CONFOUNDER
    motion: MotionSettings = field(default_factory=MotionSettings)
    camera: CameraSettings = field(default_factory=CameraSettings)
    noise: NoiseSettings = field(default_factory=NoiseSettings)
    holes: HoleSettings = field(default_factory=HoleSettings)
    delivery: DeliverySettings = field(default_factory=DeliverySettings)

    def __post_init__(self) -> None:
        if not (0 < self.seconds <= 3600 and 1 <= self.rate <= 1000 and self.seconds * self.rate >= 2):
            message = f"a trial lasts up to an hour at 1 to 1000 frames a second, not {self.seconds} s at {self.rate}"
            raise ParameterError(message)


@dataclass(frozen=True, slots=True)
class SimulatedTrial:
    """A trial and the truth about it.

    Attributes:
        video: what the camera delivered, metres; its ``valid`` says which pixels were measured.
        clean: (time, height, width) the depth without noise, steps and holes at the times of ``video``, metres, float32.
        events: all that happened, in order of onset.
        lift: (time,) the larynx above its rest by swallows, aborted ones included, millimetres, float64.
        larynx: (time,) the same with all else that moves it (speech, throat clearing, cough).
        breathing: (time,) millimetres.
        angles: (3, time) of the neck about the axes right, down, away, radians.
        position: (3, time) of the neck along them, millimetres.
        repeated: places in the video at which the frame before came again.
        dropped: how many frames were lost.
        prominence_mm: height of the person's laryngeal prominence.
        distance_mm: from the camera.
        pitch_degrees: by how much the camera looks up.
        seed: that drew it.
    """

    video: DepthVideo
    clean: Tensor = field(repr=False)
    events: tuple[TrueEvent, ...]
    lift: Tensor = field(repr=False)
    larynx: Tensor = field(repr=False)
    breathing: Tensor = field(repr=False)
    angles: Tensor = field(repr=False)
    position: Tensor = field(repr=False)
    repeated: tuple[int, ...]
    dropped: int
    prominence_mm: float
    distance_mm: float
    pitch_degrees: float
    seed: int

    @property
    def swallows(self) -> tuple[TrueEvent, ...]:
        """The events that count."""
        return tuple(event for event in self.events if event.kind is Kind.SWALLOW)


def simulate_trial(
    settings: TrialSettings | None = None,
    seed: int = 0,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> SimulatedTrial:
    """Draw a trial; the same settings and seed give the same trial, bit by bit on one device.

    Random numbers come from the CPU: trials of one seed differ between devices by rounding only.

    Args:
        settings: what is drawn.
        seed: of all random numbers.
        device: where depth is computed; the result is on the CPU.
        dtype: of the computation, float32 or float64.

    Raises:
        ParameterError: if the swallows that are asked for do not fit into the trial.
    """
    settings = settings or TrialSettings()
    generator = torch.Generator().manual_seed(seed)
    count = max(2, round(settings.seconds * settings.rate))
    times = torch.arange(count, dtype=torch.float64) / settings.rate
    neck = draw_neck(settings.neck, generator)
    distance, pitch = uniform(settings.camera.distance_mm, generator), uniform(settings.camera.pitch_degrees, generator)
    intrinsics = _intrinsics(settings.camera, distance, generator)
    events, bumps = draw_schedule(settings.schedule, settings.swallows, settings.confounders, settings.seconds, generator)
    course = sum_of_bumps(bumps, times)
    motion = draw_motion(settings.motion, course, settings.rate, generator)
    position, angles = motion.position.clone(), motion.angles.clone()
    position[2] -= course[Channel.NEAR]
    angles[0] += torch.deg2rad(course[Channel.NOD])
    angles[1] += torch.deg2rad(course[Channel.TURN])
    moved = torch.stack(
        (
            course[Channel.LARYNX],
            course[Channel.FORWARD],
            course[Channel.SUBMENTAL],
            course[Channel.JAW],
            motion.breathing,
            motion.pulse,
        )
    )
    delivery = draw_delivery(settings.delivery, count, settings.rate, generator)
    shape = (intrinsics.height, intrinsics.width)
    renderer = Renderer(neck, intrinsics, distance, device, dtype)
    noise = NoiseSource(settings.noise, shape, len(delivery.kept), settings.rate, generator)
    holes = HoleSource(settings.holes, shape, len(delivery.kept), settings.rate, generator)
    pose = poses(distance, pitch, angles[:, delivery.kept], position[:, delivery.kept])
    frames, clean = torch.empty(2, len(delivery.kept), *shape).unbind(0)
    for start in range(0, len(frames), _BLOCK):
        block = slice(start, min(len(frames), start + _BLOCK))
        view = renderer.view(pose.part(block), moved[:, delivery.kept[block]])
        observed = noise.observe(start, view.depth, view.facing)
        hidden = holes.holes(start, view.depth, view.facing, view.dropout)
        frames[block] = torch.where(hidden, torch.nan, observed).cpu() / 1000
        clean[block] = view.depth.cpu() / 1000
    unit = settings.noise.step_mm / 1000
    video = DepthVideo(_again(frames, delivery.content), delivery.times, intrinsics, unit if 1e-6 <= unit <= 0.1 else None)
    swallowed = sum_of_bumps([bump for bump in bumps if _of_swallow(bump.start, events, bump.channel)], times)
    return SimulatedTrial(
        video=video,
        clean=_again(clean, delivery.content),
        events=events,
        lift=swallowed[Channel.LARYNX, delivery.kept],
        larynx=course[Channel.LARYNX, delivery.kept],
        breathing=motion.breathing[delivery.kept],
        angles=angles[:, delivery.kept],
        position=position[:, delivery.kept],
        repeated=delivery.repeated,
        dropped=count - len(delivery.kept),
        prominence_mm=neck.prominence,
        distance_mm=distance,
        pitch_degrees=pitch,
        seed=seed,
    )


def _again(frames: Tensor, content: Tensor) -> Tensor:
    """Frames in whose places earlier ones come again; no copy where none does."""
    return frames if bool((content == torch.arange(len(content))).all()) else frames[content]


def _of_swallow(start: float, events: tuple[TrueEvent, ...], channel: Channel) -> bool:
    kinds = (Kind.SWALLOW, Kind.ABORTED)
    return channel is Channel.LARYNX and any(event.onset == start and event.kind in kinds for event in events)


def _intrinsics(camera: CameraSettings, distance: float, generator: torch.Generator) -> Intrinsics:
    focal = distance / camera.pixel_mm
    side, up = (uniform((-camera.offset_mm, camera.offset_mm), generator) / camera.pixel_mm for _ in range(2))
    return Intrinsics(camera.width, camera.height, focal, focal, (camera.width - 1) / 2 + side, (camera.height - 1) / 2 + up)
