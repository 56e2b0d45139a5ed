"""A simulated recording as files."""

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from foreknow.errors import DataError, ParameterError
from foreknow.files import (
    Encoding,
    Event,
    display_name,
    write_audacity_labels,
    write_audio,
    write_events_csv,
    write_json_atomic,
    write_text_atomic,
)
from foreknow.files.staging import staged_folder
from foreknow.lung.exact_parts import store_parts
from foreknow.lung.results import BREATH, CRACKLES, EVENTS, FEATURES, FUNDAMENTALS, LABELS, WHEEZES, crackle_events
from foreknow.lung.simulate import SimulatedRecording, SimulationSettings, simulate_recording
from foreknow.lung.simulation_figure import RealSound, comparison_figure
from foreknow.lung.wheeze_table import fundamentals_csv

RECORDING = "recording.wav"
NUISANCE = "nuisance.wav"
SIMULATION = "simulation.json"
COMPARISON = "comparison.png"
ENCODING = Encoding.PCM_16
_DOTS = 110


def simulate_to_folder(
    folder: str | Path,
    settings: SimulationSettings | None = None,
    seed: int = 0,
    *,
    real: RealSound | None = None,
    overwrite: bool = False,
) -> SimulatedRecording:
    """Draw a recording and write it with its truth: the recording, its parts, which sum to it exactly (16 bit), events, settings.

    breath.wav and crackles.wav are always there; wheezes.wav and fundamentals.csv where the settings have continuous sounds,
    nuisance.wav where they have nuisance, comparison.png where a real recording is given.

    Args:
        folder: made if it is not there.
        settings: what is drawn.
        seed: the same seed and settings give the same files.
        real: a real recording, to be shown beside the simulated one.
        overwrite: whether files of an earlier run are replaced.

    Raises:
        ParameterError: if there are files of an earlier run and ``overwrite`` is not set, or the settings are out of range.
        DataError: if a part or the recording is beyond full scale.
        ForeknowError: if a library that is needed is not installed.
    """
    final, settings = Path(folder), settings or SimulationSettings()
    names = (RECORDING, BREATH, CRACKLES, WHEEZES, NUISANCE, EVENTS, FUNDAMENTALS, LABELS, SIMULATION, COMPARISON)
    earlier = [final / name for name in names if (final / name).exists()]
    if earlier and not overwrite:
        message = f"{display_name(final)} holds a simulation already; add --overwrite to replace it, or choose another folder (-o)"
        raise ParameterError(message)
    simulated = simulate_recording(settings, torch.Generator().manual_seed(seed))
    events = _events(simulated)
    with staged_folder(final) as staging:
        for name, samples in _stored(simulated, settings).items():
            write_audio(staging / name, samples, simulated.rate, ENCODING)
        write_events_csv(staging / EVENTS, events, FEATURES)
        write_audacity_labels(staging / LABELS, events)
        if settings.continuous:
            write_text_atomic(staging / FUNDAMENTALS, fundamentals_csv(simulated.sounds))
        if real is not None:
            comparison_figure(simulated, real).savefig(staging / COMPARISON, dpi=_DOTS, metadata={"Software": None})
        content = {"tool": "foreknow lung simulate", "version": version("foreknow"), "seed": seed, "settings": asdict(settings)}
        phases = [asdict(phase) for phase in simulated.phases]
        counts = {"crackles": len(simulated.events), "continuous_sounds": len(simulated.sounds)}
        counts["disturbances"] = len(simulated.disturbances)
        write_json_atomic(staging / SIMULATION, {**content, **counts, "phases": phases})
        for path in earlier:
            if not (staging / path.name).exists():  # parts that this run does not have
                path.unlink()
    return simulated


def _stored(simulated: SimulatedRecording, settings: SimulationSettings) -> dict[str, Tensor]:
    """The samples of every file, on the grid of the encoding; the parts sum to the recording exactly."""
    others: dict[str, Tensor] = {}
    if settings.continuous:
        others[WHEEZES] = simulated.wheezes
    if settings.nuisance is not None:
        others[NUISANCE] = simulated.nuisance
    if others and float(simulated.recording.abs().max()) >= 1:
        message = "the simulated recording is louder than full scale; lower the levels of wheezes or nuisance"
        raise DataError(message)
    others = {name: ENCODING.quantise(samples) for name, samples in others.items()}
    rest = simulated.recording
    for samples in others.values():
        rest = rest - samples
    crackles, breath = store_parts(rest, simulated.crackles, ENCODING)
    recording = crackles + breath
    for samples in others.values():
        recording = recording + samples
    return {CRACKLES: crackles, BREATH: breath, RECORDING: recording, **others}


def _events(simulated: SimulatedRecording) -> list[Event]:
    """Everything that happens, in order of onset."""
    events = crackle_events(simulated.events)
    for sound in simulated.sounds:
        features: dict[str, float | int | str | None] = {
            "level_db": sound.level_db,
            "fundamental_hz": sound.fundamental,
            "start_hz": sound.hertz[0],
            "end_hz": sound.hertz[-1],
            "harmonics": sound.harmonics,
            "voices": sound.voices,
        }
        events.append(Event(sound.onset, sound.duration, sound.kind, features))
    for nuisance in simulated.disturbances:
        events.append(Event(nuisance.onset, nuisance.end - nuisance.onset, nuisance.kind, {"level_db": nuisance.level_db}))
    return sorted(events, key=lambda event: event.onset)
