"""A simulated recording as files."""

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.files import Encoding, display_name, write_audacity_labels, write_audio, write_events_csv, write_json_atomic
from foreknow.files.staging import staged_folder
from foreknow.lung.exact_parts import store_parts
from foreknow.lung.results import BREATH, CRACKLES, EVENTS, FEATURES, LABELS, crackle_events
from foreknow.lung.simulate import SimulatedRecording, SimulationSettings, simulate_recording

RECORDING = "recording.wav"
SIMULATION = "simulation.json"
ENCODING = Encoding.PCM_16


def simulate_to_folder(
    folder: str | Path, settings: SimulationSettings | None = None, seed: int = 0, *, overwrite: bool = False
) -> SimulatedRecording:
    """Draw a recording and write it with its truth: recording.wav = breath.wav + crackles.wav (16 bit, exactly), events, settings.

    Args:
        folder: made if it is not there.
        settings: what is drawn.
        seed: the same seed and settings give the same files.
        overwrite: whether files of an earlier run are replaced.

    Raises:
        ParameterError: if there are files of an earlier run and ``overwrite`` is not set, or the settings are out of range.
        DataError: if crackles or breath sound are beyond full scale.
    """
    final, settings = Path(folder), settings or SimulationSettings()
    names = (RECORDING, BREATH, CRACKLES, EVENTS, LABELS, SIMULATION)
    if not overwrite and any((final / name).exists() for name in names):
        message = f"{display_name(final)} holds a simulation already; add --overwrite to replace it, or choose another folder (-o)"
        raise ParameterError(message)
    simulated = simulate_recording(settings, torch.Generator().manual_seed(seed))
    events = crackle_events(simulated.events)
    with staged_folder(final) as staging:
        for name, samples in zip((CRACKLES, BREATH, RECORDING), _stored(simulated), strict=True):
            write_audio(staging / name, samples, simulated.rate, ENCODING)
        write_events_csv(staging / EVENTS, events, FEATURES)
        write_audacity_labels(staging / LABELS, events)
        content = {"tool": "foreknow lung simulate", "version": version("foreknow"), "seed": seed, "settings": asdict(settings)}
        phases = [asdict(phase) for phase in simulated.phases]
        write_json_atomic(staging / SIMULATION, {**content, "crackles": len(events), "phases": phases})
    return simulated


def _stored(simulated: SimulatedRecording) -> tuple[Tensor, Tensor, Tensor]:
    crackles, breath = store_parts(simulated.recording, simulated.crackles, ENCODING)
    return crackles, breath, crackles + breath
