"""Breaths and their phases, and crackles told by them."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch

from foreknow.files import read_audio, read_events_csv
from foreknow.lung import find_breaths
from foreknow.lung.breath_table import TIMING, count_by_breath, phase_events, timing
from foreknow.lung.events import Crackle
from foreknow.lung.respiration import Breath, Respiration, RespirationMeter
from foreknow.lung.separate_file import separate_file
from foreknow.lung.simulate import BreathSettings, SimulationSettings, simulate_recording
from foreknow.lung.simulation_files import simulate_to_folder

RATE = 4000


def breathing(cycle=2.5, seconds=20.0, seed=0):
    settings = SimulationSettings(seconds=seconds, rate=RATE, breath=BreathSettings(cycle=cycle), crackles=())
    return simulate_recording(settings, torch.Generator().manual_seed(seed))


def crackle(time):
    return Crackle(time - 0.001, time, 0.0007, 0.005, 0.001, "fine", 1, 0.1, 1e-5, 12.0)


@pytest.fixture(scope="module")
def known():
    return Respiration((Breath(0.0, 1.0, 2.0), Breath(3.0, 4.0, 5.0, is_whole=False)), reliability=0.9, cycle=3.0)


# ---------------------------------------------------------------------------------------------------------------- breaths
@pytest.mark.parametrize("cycle", [1.8, 3.0, 4.5])
def test_simulated_breaths_and_their_phases_are_found(cycle):
    drawn = breathing(cycle)
    found = find_breaths(drawn.breath, RATE)
    assert found.is_reliable
    true = [phase.start for phase in drawn.phases if phase.kind == "inspiration"]
    starts = [breath.start for breath in found.breaths]
    assert sum(min(abs(start - time) for start in starts) < 0.4 for time in true) >= 0.85 * len(true)
    assert found.breaths_per_minute == pytest.approx(60 / np.mean(np.diff(true)), rel=0.15)
    agree = [
        place[0] == phase.kind
        for phase in drawn.phases
        for time in np.linspace(phase.start, phase.end, 12)[1:-1]
        if (place := found.place(time)) is not None
    ]
    assert np.mean(agree) > 0.95
    assert len(agree) > 0.85 * 10 * len(drawn.phases)


def test_noise_without_breaths_is_not_reliable():
    assert not find_breaths(torch.randn(15 * RATE, generator=torch.Generator().manual_seed(1)), RATE).is_reliable


@pytest.mark.parametrize("count", [0, 100, 3 * RATE])
def test_too_short_or_silent_recordings_have_no_breaths(count):
    assert find_breaths(torch.randn(count, generator=torch.Generator().manual_seed(1)), RATE) == Respiration()
    assert find_breaths(torch.zeros(10 * RATE), RATE) == Respiration()


@pytest.mark.parametrize("block", [37, 4096])
def test_blocks_do_not_matter(block):
    signal = breathing(seconds=8.0).breath
    meter = RespirationMeter(RATE)
    for piece in signal.split(block):
        meter.push(piece)
    assert meter.finish() == find_breaths(signal, RATE)


@pytest.mark.slow
def test_breaths_go_on_over_the_stretches_of_a_long_recording():
    drawn = breathing(3.0, seconds=400.0)
    found = find_breaths(drawn.breath, RATE)
    true = [phase.start for phase in drawn.phases if phase.kind == "inspiration"]
    assert len(found.breaths) == pytest.approx(len(true), rel=0.05)
    assert all(last.end <= following.start + 1e-9 for last, following in pairwise(found.breaths))
    starts = np.array([breath.start for breath in found.breaths])
    assert np.mean([np.abs(starts - time).min() < 0.4 for time in true]) > 0.9


# ---------------------------------------------------------------------------------------------------------------- crackles
def test_crackles_are_told_by_phase_and_third(known):
    assert timing(0.1, known) == {"phase": "inspiration", "phase_position": pytest.approx(0.1), "timing": "early"}
    assert timing(0.5, known)["timing"] == "mid"
    assert timing(1.9, known) == {"phase": "expiration", "phase_position": pytest.approx(0.9), "timing": "late"}
    assert timing(2.5, known)["phase"] == "pause"
    assert timing(0.1, Respiration(known.breaths, 0.3)) == dict.fromkeys(TIMING)


def test_crackles_are_counted_by_breath_and_as_rates(known):
    crackles = [crackle(time) for time in (0.9, 0.95, 1.5, 2.5, 4.5)]
    count = count_by_breath(crackles, known)
    assert count["breaths"] == 1
    assert count["crackles_per_breath"] == 3
    assert (count["inspiration_crackles"], count["inspiration_late_crackles"], count["expiration_crackles"]) == (2, 2, 2)
    rates = [event.features["crackles_per_second"] for event in phase_events(crackles, known)]
    assert rates == [2.0, 1.0, 0.0, 1.0]
    unknown = count_by_breath(crackles, Respiration(known.breaths, 0.3))
    assert unknown["breath_reliability"] == 0.3
    assert all(value is None for name, value in unknown.items() if name != "breath_reliability")


def test_files_tell_crackles_by_breath(tmp_path):
    drawn = simulate_to_folder(tmp_path / "simulated", SimulationSettings(seconds=10.0, rate=RATE), seed=2)
    folder = separate_file(tmp_path / "simulated" / "recording.wav", tmp_path / "out").folder
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["breath_reliability"] > 0.8
    assert summary["inspiration_crackles"] > 0.7 * len(drawn.events)  # where the simulator puts all of them
    phases = read_events_csv(folder / "breaths.csv").events
    assert {event.kind for event in phases} == {"inspiration", "expiration"}
    rows = read_events_csv(folder / "events.csv").events
    assert sum(event.features["phase"] == "inspiration" for event in rows) == summary["inspiration_crackles"]
    assert "crackles per breath" in (folder / "report.html").read_text()


@pytest.mark.data
def test_real_recordings_say_how_little_loudness_tells(shared_data):
    recording = read_audio(shared_data / "lung" / "icbhi" / "101_1b1_Al_sc_Meditron.wav")
    found = find_breaths(recording.samples, recording.rate)
    assert 0 <= found.reliability < 0.8  # its breaths are not those that the annotators marked
    assert all(0 <= breath.start <= breath.turn <= breath.end <= 20.1 for breath in found.breaths)
