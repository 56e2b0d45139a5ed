"""Lung sounds drawn with known truth: breath sound, crackles by their published form, wheezes, rhonchi, stridor, nuisance.

`fit_breath` measures a real recording, so that simulated breath sounds are like it.
"""

from foreknow.lung.simulate.breath import BreathSettings, RespiratoryPhase, simulate_breath
from foreknow.lung.simulate.continuous import RHONCHUS, STRIDOR, WHEEZE, ContinuousSettings, ContinuousSound, draw_continuous
from foreknow.lung.simulate.fit_breath import BreathFit, fit_breath
from foreknow.lung.simulate.fit_spectrum import SpectrumFit, fit_spectrum
from foreknow.lung.simulate.form import COARSE, FINE, CrackleType, crackle_form, largest_deflection
from foreknow.lung.simulate.heart import HeartSettings, simulate_heart
from foreknow.lung.simulate.levels import LevelReference, local_level, mix_at_snr
from foreknow.lung.simulate.nuisance import Nuisance, NuisanceSettings, draw_nuisance
from foreknow.lung.simulate.plant import plant_crackles
from foreknow.lung.simulate.recording import CrackleSettings, SimulatedRecording, SimulationSettings, simulate_recording

__all__ = [
    "COARSE",
    "FINE",
    "RHONCHUS",
    "STRIDOR",
    "WHEEZE",
    "BreathFit",
    "BreathSettings",
    "ContinuousSettings",
    "ContinuousSound",
    "CrackleSettings",
    "CrackleType",
    "HeartSettings",
    "LevelReference",
    "Nuisance",
    "NuisanceSettings",
    "RespiratoryPhase",
    "SimulatedRecording",
    "SimulationSettings",
    "SpectrumFit",
    "crackle_form",
    "draw_continuous",
    "draw_nuisance",
    "fit_breath",
    "fit_spectrum",
    "largest_deflection",
    "local_level",
    "mix_at_snr",
    "plant_crackles",
    "simulate_breath",
    "simulate_heart",
    "simulate_recording",
]
