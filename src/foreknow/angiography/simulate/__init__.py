"""Coronary angiography drawn with known truth: tree, bolus, motion, anatomy and detector; parameters learned back from frames."""

from foreknow.angiography.simulate.anatomy import AnatomySettings
from foreknow.angiography.simulate.bolus import Bolus, BolusSettings
from foreknow.angiography.simulate.catheter import CatheterSettings
from foreknow.angiography.simulate.detector import DetectorSettings, DisplaySettings, Relationship
from foreknow.angiography.simulate.deteriorate import deteriorate
from foreknow.angiography.simulate.device import Device, DeviceFit, DeviceRanges, fit_device
from foreknow.angiography.simulate.fit import NoiseFit, SpectrumFit, fit_noise, fit_spectrum, radial_spectrum
from foreknow.angiography.simulate.heart import Heart, HeartSettings, draw_heart
from foreknow.angiography.simulate.items import RunItems
from foreknow.angiography.simulate.motion import Motion, MotionSettings
from foreknow.angiography.simulate.run import RunSettings, SimulatedRun, simulate_run
from foreknow.angiography.simulate.splat import splat_tubes
from foreknow.angiography.simulate.traits import run_traits, structure_traits
from foreknow.angiography.simulate.tree import CoronaryTree, TreeSettings, grow_tree
from foreknow.angiography.simulate.view import STANDARD_VIEWS, View, ViewSettings
from foreknow.simulate.deterioration import DeteriorationSettings

__all__ = [
    "STANDARD_VIEWS",
    "AnatomySettings",
    "Bolus",
    "BolusSettings",
    "CatheterSettings",
    "CoronaryTree",
    "DetectorSettings",
    "DeteriorationSettings",
    "Device",
    "DeviceFit",
    "DeviceRanges",
    "DisplaySettings",
    "Heart",
    "HeartSettings",
    "Motion",
    "MotionSettings",
    "NoiseFit",
    "Relationship",
    "RunItems",
    "RunSettings",
    "SimulatedRun",
    "SpectrumFit",
    "TreeSettings",
    "View",
    "ViewSettings",
    "deteriorate",
    "draw_heart",
    "fit_device",
    "fit_noise",
    "fit_spectrum",
    "grow_tree",
    "radial_spectrum",
    "run_traits",
    "simulate_run",
    "splat_tubes",
    "structure_traits",
]
