"""Depth videos of a neck that swallows, with known truth: geometry, kinematics, confounders, camera, noise, holes.

`simulate_trial` draws a repetitive saliva swallowing test; `fit_noise` measures a real camera, so that simulated frames are like
its own.
"""

from foreknow.swallow.simulate.bumps import Bump, Channel, sum_of_bumps
from foreknow.swallow.simulate.camera import CameraSettings
from foreknow.swallow.simulate.confounders import EVERY_CONFOUNDER, ConfounderSettings
from foreknow.swallow.simulate.delivery import DeliverySettings
from foreknow.swallow.simulate.events import Kind, TrueEvent
from foreknow.swallow.simulate.fit_breathing import BreathingFit, fit_breathing
from foreknow.swallow.simulate.fit_noise import NoiseFit, fit_noise
from foreknow.swallow.simulate.holes import HoleSettings
from foreknow.swallow.simulate.motion import MotionSettings
from foreknow.swallow.simulate.neck import NeckSettings
from foreknow.swallow.simulate.noise import DEVICES, NoiseSettings
from foreknow.swallow.simulate.presets import Preset, only, preset
from foreknow.swallow.simulate.schedule import ScheduleSettings
from foreknow.swallow.simulate.swallows import SwallowSettings
from foreknow.swallow.simulate.trial import SimulatedTrial, TrialSettings, simulate_trial

__all__ = [
    "DEVICES",
    "EVERY_CONFOUNDER",
    "BreathingFit",
    "Bump",
    "CameraSettings",
    "Channel",
    "ConfounderSettings",
    "DeliverySettings",
    "HoleSettings",
    "Kind",
    "MotionSettings",
    "NeckSettings",
    "NoiseFit",
    "NoiseSettings",
    "Preset",
    "ScheduleSettings",
    "SimulatedTrial",
    "SwallowSettings",
    "TrialSettings",
    "TrueEvent",
    "fit_breathing",
    "fit_noise",
    "only",
    "preset",
    "simulate_trial",
    "sum_of_bumps",
]
