"""Trials of known difficulty: prominence and noise of the rows of the feasibility table (methods/swallow.md)."""

from dataclasses import replace
from enum import StrEnum

from foreknow.swallow.simulate.confounders import ConfounderSettings
from foreknow.swallow.simulate.delivery import DeliverySettings
from foreknow.swallow.simulate.events import Kind
from foreknow.swallow.simulate.holes import HoleSettings
from foreknow.swallow.simulate.motion import MotionSettings
from foreknow.swallow.simulate.neck import NeckSettings
from foreknow.swallow.simulate.noise import NoiseSettings
from foreknow.swallow.simulate.schedule import ScheduleSettings
from foreknow.swallow.simulate.swallows import SwallowSettings
from foreknow.swallow.simulate.trial import TrialSettings


class Preset(StrEnum):
    """Difficulty of a trial.

    EASY: prominence 4 mm, noise 0.3 mm over 1 pixel, step 0.1 mm, few confounders.
    NORMAL: prominence 4 mm, noise 1 mm over 2.5 pixels, step 1 mm, all confounders.
    HARD: prominence 1.5 mm, noise 2 mm over 3 pixels, step 1 mm, mouth floor 0.5 to 2 mm, all confounders, collar, beard,
        lost and repeated frames.
    """

    EASY = "easy"
    NORMAL = "normal"
    HARD = "hard"


def preset(name: Preset | str) -> TrialSettings:
    """The settings of a difficulty.

    Raises:
        ValueError: if there is no such difficulty.
    """
    return _PRESETS[Preset(name)]


def only(kind: Kind, settings: TrialSettings | None = None, per_minute: float = 8.0) -> TrialSettings:
    """Settings of a clip with one confounder and no swallow, to count false events.

    Args:
        kind: any but a swallow.
        settings: of all else.
        per_minute: expected number of the confounder.

    Raises:
        ParameterError: if ``per_minute`` is negative.
    """
    base = settings or TrialSettings()
    silent = replace(base.confounders, aborted=0.0, speech=0.0, throat=0.0, cough=0.0, chewing=0.0, turn=0.0, nod=0.0)
    return replace(base, schedule=replace(base.schedule, count=0), confounders=silent.with_rate(kind, per_minute))


_PRESETS = {
    Preset.EASY: TrialSettings(
        neck=NeckSettings(prominence_mm=(4.0, 4.0)),
        confounders=ConfounderSettings(speech=0.5, nod=0.5),
        motion=MotionSettings(breathing_mm=(0.5, 1.2), sway_mm=(0.5, 1.5), sway_degrees=(0.3, 0.8)),
        noise=NoiseSettings(0.3, correlation_px=1.0, step_mm=0.1, common_mm=0.05, drift_mm=0.1),
    ),
    Preset.NORMAL: TrialSettings(
        neck=NeckSettings(prominence_mm=(4.0, 4.0)),
        noise=NoiseSettings(1.0, correlation_px=2.5, step_mm=1.0, common_mm=0.2),
    ),
    Preset.HARD: TrialSettings(
        neck=NeckSettings(prominence_mm=(1.5, 1.5), clothing_mm=(2.0, 5.0), hair=0.4, beard=0.25),
        swallows=SwallowSettings(
            lift_mm=(10.0, 22.0), slowness=(1.0, 1.8), double=0.1, forward_mm=(0.5, 1.5), submental_mm=(0.5, 2.0)
        ),
        schedule=ScheduleSettings(count=(0, 9)),
        motion=MotionSettings(sway_mm=(1.5, 5.0), sway_degrees=(1.0, 3.0)),
        noise=NoiseSettings(2.0, correlation_px=3.0, step_mm=1.0, common_mm=0.4, standing=0.2),
        holes=HoleSettings(blobs=0.05, edge_px=2),
        delivery=DeliverySettings(dropped=0.01, repeated=0.05, jitter_ms=2.0),
    ),
}
