"""Lung sounds drawn with known truth: breath sound by its spectrum and envelope, crackles by their published form."""

from foreknow.lung.simulate.breath import BreathSettings, RespiratoryPhase, simulate_breath
from foreknow.lung.simulate.form import COARSE, FINE, CrackleType, crackle_form, largest_deflection
from foreknow.lung.simulate.heart import HeartSettings, simulate_heart
from foreknow.lung.simulate.levels import LevelReference, local_level, mix_at_snr
from foreknow.lung.simulate.plant import plant_crackles
from foreknow.lung.simulate.recording import CrackleSettings, SimulatedRecording, SimulationSettings, simulate_recording

__all__ = [
    "COARSE",
    "FINE",
    "BreathSettings",
    "CrackleSettings",
    "CrackleType",
    "HeartSettings",
    "LevelReference",
    "RespiratoryPhase",
    "SimulatedRecording",
    "SimulationSettings",
    "crackle_form",
    "largest_deflection",
    "local_level",
    "mix_at_snr",
    "plant_crackles",
    "simulate_breath",
    "simulate_heart",
    "simulate_recording",
]
