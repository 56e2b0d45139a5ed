"""Recordings that are too poor, and why."""

import json
from dataclasses import replace

import pytest
import soundfile
import torch

from foreknow.files import describe_signal, read_audio
from foreknow.lung.quality import LungMeter
from foreknow.lung.separate_file import separate_file
from foreknow.lung.simulate import STRIDOR, HeartSettings, NuisanceSettings, SimulationSettings, simulate_recording

RATE = 4000


def judge(samples, block=100_000):
    meter = LungMeter(RATE)
    for piece in samples.split(block):
        meter.update(piece)
    return meter.result(describe_signal(samples, RATE))


def recording(seed=0):
    settings = SimulationSettings(seconds=12.0, rate=RATE, heart=HeartSettings(), nuisance=NuisanceSettings(clicks=20.0))
    return simulate_recording(settings, torch.Generator().manual_seed(seed)).recording


@pytest.mark.parametrize("seed", range(3))
def test_usual_recordings_with_heart_and_crackles_are_good(seed):
    assert not judge(recording(seed)).is_poor


def test_clipped():
    samples = recording()
    loudest = 0.4 * float(samples.abs().max())
    assert any("clipped" in reason for reason in judge(samples.clamp(-loudest / 3, loudest / 3)).reasons)


def test_silent():
    samples = recording()
    samples[: 8 * RATE] = 0.0
    assert any("digital silence" in reason for reason in judge(samples).reasons)
    assert judge(torch.zeros(5 * RATE)).reasons == ("it is silent",)


def test_dominated_by_the_heart():
    beat = torch.sin(2 * torch.pi * 45 * torch.arange(12 * RATE, dtype=torch.float64) / RATE)
    assert any("heart" in reason for reason in judge(recording() + 0.5 * beat).reasons)


def test_rubbed():
    samples = recording()
    noise = torch.randn(2 * RATE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    samples[3 * RATE : 5 * RATE] += 20 * samples.std() * noise
    assert any("rubs" in reason for reason in judge(samples).reasons)


@pytest.mark.parametrize("seed", range(4))
def test_a_loud_stridor_in_every_breath_is_no_rub(seed):
    kinds = (replace(STRIDOR, per_breath=1.0, level_db=(8.0, 20.0)),)
    settings = SimulationSettings(seconds=15.0, rate=RATE, continuous=kinds)
    drawn = simulate_recording(settings, torch.Generator().manual_seed(seed)).recording
    assert not judge(0.05 * drawn).is_poor


def test_nothing_where_breath_is():
    low = torch.sin(2 * torch.pi * 20 * torch.arange(5 * RATE, dtype=torch.float64) / RATE)
    assert judge(low).is_poor


def test_blocks_and_level_do_not_matter():
    samples = recording()
    assert judge(samples, 777) == judge(samples)
    assert judge(0.01 * samples).low_db == pytest.approx(judge(samples).low_db, abs=1e-3)


def test_a_poor_recording_says_so_in_its_results(tmp_path):
    samples = recording()[: 5 * RATE]
    samples[RATE : 2 * RATE] += 15 * samples.std() * torch.randn(RATE, generator=torch.Generator().manual_seed(0))
    soundfile.write(tmp_path / "a.wav", (0.5 * samples / samples.abs().max()).numpy(), RATE)
    result = separate_file(tmp_path / "a.wav", tmp_path / "out", report=False)
    summary = json.loads((result.folder / "summary.json").read_text())
    assert summary["poor"] is True
    assert "rubs" in summary["poor_because"]
    assert any("too poor" in notice for notice in summary["notices"])


@pytest.mark.data
def test_recordings_that_annotators_call_poor_are_poor(shared_data):
    rows = (shared_data / "lung" / "recordings.csv").read_text().splitlines()
    names = [row.split(",")[0] for row in rows if "Poor Quality" in row]
    assert len(names) == 2
    for name in names:
        sound = read_audio(shared_data / "lung" / name)
        meter = LungMeter(sound.rate)
        meter.update(sound.samples)
        assert meter.result(describe_signal(sound.samples, sound.rate)).is_poor
