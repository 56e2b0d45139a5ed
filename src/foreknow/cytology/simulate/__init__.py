"""Stained smears drawn with known truth: cells, clutter, stains and camera; stains and background learned back from images."""

from foreknow.cytology.simulate.camera import CameraSettings
from foreknow.cytology.simulate.cells import INTERMEDIATE, KERATINISED, KINDS, PARABASAL, SUPERFICIAL, CellKind
from foreknow.cytology.simulate.clutter import ClutterSettings
from foreknow.cytology.simulate.deteriorate import deteriorate
from foreknow.cytology.simulate.draw import TextureSettings
from foreknow.cytology.simulate.fit import BackgroundFit, StainFit, fit_background, fit_stains, stain_angles
from foreknow.cytology.simulate.items import SmearItems
from foreknow.cytology.simulate.measure import CellMeasurements
from foreknow.cytology.simulate.smear import SimulatedSmear, SmearSettings, simulate_smear
from foreknow.cytology.simulate.stains import DYES, PAPANICOLAOU, StainSettings, optical_density
from foreknow.simulate.deterioration import DeteriorationSettings

__all__ = [
    "DYES",
    "INTERMEDIATE",
    "KERATINISED",
    "KINDS",
    "PAPANICOLAOU",
    "PARABASAL",
    "SUPERFICIAL",
    "BackgroundFit",
    "CameraSettings",
    "CellKind",
    "CellMeasurements",
    "ClutterSettings",
    "DeteriorationSettings",
    "SimulatedSmear",
    "SmearItems",
    "SmearSettings",
    "StainFit",
    "StainSettings",
    "TextureSettings",
    "deteriorate",
    "fit_background",
    "fit_stains",
    "optical_density",
    "simulate_smear",
    "stain_angles",
]
