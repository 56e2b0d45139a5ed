"""Trials of every difficulty, drawn evenly: what a network for swallows learns from."""

from dataclasses import replace

import torch

from foreknow.simulate.fields import uniform
from foreknow.swallow.simulate.camera import CameraSettings
from foreknow.swallow.simulate.confounders import EVERY_CONFOUNDER, ConfounderSettings
from foreknow.swallow.simulate.delivery import DeliverySettings
from foreknow.swallow.simulate.events import Kind
from foreknow.swallow.simulate.holes import HoleSettings
from foreknow.swallow.simulate.motion import MotionSettings
from foreknow.swallow.simulate.neck import NeckSettings
from foreknow.swallow.simulate.noise import NoiseSettings
from foreknow.swallow.simulate.presets import only
from foreknow.swallow.simulate.schedule import ScheduleSettings
from foreknow.swallow.simulate.swallows import SwallowSettings
from foreknow.swallow.simulate.trial import TrialSettings

_SHOWN_MM = 136.0
_REFERENCE_PIXEL_MM = 0.85  # at which presets give the correlation of noise
_WITHOUT = 0.25  # share of trials without a swallow
_KINDS = tuple(kind for kind in Kind if kind is not Kind.SWALLOW)


def with_pixels(settings: TrialSettings, side: int) -> TrialSettings:
    """The same view with ``side`` x ``side`` pixels; noise keeps its spatial spectrum in millimetres."""
    shown = settings.camera.width * settings.camera.pixel_mm
    camera = replace(settings.camera, width=side, height=side, pixel_mm=shown / side)
    noise = replace(settings.noise, correlation_px=settings.noise.correlation_px * settings.camera.pixel_mm / camera.pixel_mm)
    return replace(settings, camera=camera, noise=noise)


def varied_settings(seed: int, side: int = 64, seconds: float = 30.0) -> TrialSettings:
    """Settings of one trial: prominence 1 to 6 mm, noise 0.25 to 3 mm, all confounders or one, clean or faulty delivery.

    Prominence and noise are even on a logarithmic scale: among the low and the noisy ones more is to be learned. Persons differ in
    how much their skin moves in a swallow.

    Args:
        seed: the same seed gives the same settings.
        side: pixels of the picture's side; it shows 136 mm.
        seconds: length.
    """
    generator = torch.Generator().manual_seed(7919 * seed + 13)

    def drawn(low: float, high: float) -> float:
        return uniform((low, high), generator)

    clothed, hairy, faulty = drawn(0, 1) < 0.4, drawn(0, 1) < 0.4, drawn(0, 1) < 0.4
    strong, old = drawn(0, 1), drawn(0, 1) < 0.5
    busy = drawn(0, 2)
    rates = {kind: busy * rate for kind, rate in EVERY_CONFOUNDER.rates().items()}
    rates[Kind.ABORTED] *= 2  # the hardest to tell from swallows
    confounders = ConfounderSettings()
    for kind, rate in rates.items():
        confounders = confounders.with_rate(kind, rate)
    noise = NoiseSettings(
        0.25 * 12 ** drawn(0, 1),
        correlation_px=drawn(1.0, 3.5),
        standing=drawn(0.0, 0.3),
        common_mm=drawn(0.05, 0.5),
        drift_mm=drawn(0.1, 0.5),
        step_mm=0.1 if drawn(0, 1) < 0.4 else 1.0,
    )
    prominence = 6.0 ** drawn(0, 1)
    settings = TrialSettings(
        seconds=seconds,
        neck=NeckSettings(
            prominence_mm=(prominence, prominence),
            clothing_mm=(2.0, 5.0) if clothed else (0.0, 0.0),
            hair=0.4 if hairy else 0.0,
            beard=0.3 if hairy else 0.0,
        ),
        swallows=SwallowSettings(
            lift_mm=(10.0, 24.0) if strong < 0.8 else (7.0, 15.0),
            slowness=(1.0, 1.8) if old else (1.0, 1.4),
            forward_mm=(0.5, drawn(1.0, 3.0)),
            submental_mm=(0.5, drawn(1.5, 5.0)),
            double=0.12,
        ),
        schedule=ScheduleSettings(count=(0, 9) if old else (0, 12)),
        confounders=confounders,
        motion=MotionSettings(sway_mm=(0.5, 5.0), sway_degrees=(0.3, 3.0)),
        camera=CameraSettings(width=160, height=160, pixel_mm=_SHOWN_MM / 160),
        noise=noise,
        holes=HoleSettings(blobs=drawn(0.0, 0.06), edge_px=1 if drawn(0, 1) < 0.5 else 2),
        delivery=DeliverySettings(dropped=0.01, repeated=0.05, jitter_ms=2.0) if faulty else DeliverySettings(),
    )
    if drawn(0, 1) < _WITHOUT:
        kind = _KINDS[int(torch.randint(len(_KINDS), (1,), generator=generator))]
        settings = only(kind, settings, drawn(4, 14))
    return with_pixels(settings, side)
