import csv
import json
import math
from dataclasses import replace

import pytest
import torch

from foreknow.errors import DataError, ParameterError
from foreknow.files import read_audio, read_events_csv
from foreknow.lung.simulate import (
    RHONCHUS,
    STRIDOR,
    WHEEZE,
    BreathSettings,
    ContinuousSettings,
    NuisanceSettings,
    SimulationSettings,
    draw_continuous,
    draw_nuisance,
    simulate_breath,
    simulate_recording,
)
from foreknow.lung.simulate.spectrum import limit_band
from foreknow.lung.simulation_files import simulate_to_folder

RATE = 4000
EVERYTHING = SimulationSettings(
    seconds=12.0,
    rate=RATE,
    continuous=(WHEEZE, RHONCHUS, STRIDOR),
    nuisance=NuisanceSettings(hum=50.0, handling=6, voice=6, clicks=20),
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def breath_of(seconds, seed=0):
    return simulate_breath(BreathSettings(), seconds, RATE, seeded(seed))


# -------------------------------------------------------------------------------------------------------- continuous sounds
@pytest.mark.parametrize("kind", [WHEEZE, RHONCHUS, STRIDOR], ids=lambda kind: kind.kind)
def test_continuous_sounds_lie_in_their_phase_and_band(kind):
    breath, phases = breath_of(90)
    part, sounds = draw_continuous(kind, phases, breath, RATE, seeded(1))
    spans = [(phase.start, phase.end) for phase in phases if phase.kind == kind.phase]
    assert 0.4 * len(spans) < len({sound.onset for sound in sounds}) <= len(spans)
    support = torch.zeros_like(part, dtype=torch.bool)
    for sound in sounds:
        assert any(start - 1e-3 <= sound.onset < sound.end <= end + 1e-3 for start, end in spans)
        assert 0.08 <= sound.duration <= kind.seconds[1] + 1e-3
        assert 0.8 * kind.hertz[0] <= min(sound.hertz) <= max(sound.hertz) <= 1.2 * kind.hertz[1]
        assert kind.harmonics[0] <= sound.harmonics <= kind.harmonics[1] or 2 * max(sound.hertz) > 0.45 * RATE
        assert len(sound.times) == len(sound.hertz) == pytest.approx(100 * sound.duration, abs=1.5)
        support[round(sound.onset * RATE) : round(sound.end * RATE)] = True
    assert float(part[~support].abs().max()) == 0
    assert [sound.onset for sound in sounds] == sorted(sound.onset for sound in sounds)


def test_the_true_fundamental_is_the_one_that_sounds():
    tone = replace(WHEEZE, per_breath=1.0, harmonics=(1, 1), polyphonic=0.0, seconds=(0.6, 0.8), jitter=0.0)
    breath, phases = breath_of(30)
    part, sounds = draw_continuous(tone, phases, breath, RATE, seeded(2))
    for sound in sounds[:6]:
        start, count = round(sound.onset * RATE), round(sound.duration * RATE)
        piece = part[start : start + count]
        crossings = int((piece[:-1] * piece[1:] < 0).sum())
        assert crossings / 2 / sound.duration == pytest.approx(sound.fundamental, rel=0.03)
        frames = piece[: count // 400 * 400].reshape(-1, 400) * torch.hann_window(400, dtype=torch.float64)
        found = torch.fft.rfft(frames, n=4000).abs().argmax(1).double()
        expected = torch.tensor(sound.hertz)[5::10][: len(found)].double()
        assert float((found / expected - 1).abs().max()) < 0.06


def test_levels_are_relative_to_the_breath_and_voices_are_unrelated():
    settings = replace(WHEEZE, per_breath=1.0, polyphonic=1.0, level_db=(6.0, 6.0))
    breath, phases = breath_of(60)
    _, sounds = draw_continuous(settings, phases, breath, RATE, seeded(3))
    groups = {}
    for sound in sounds:
        groups.setdefault(sound.onset, []).append(sound)
    assert all(2 <= len(group) <= 4 and {sound.voices for sound in group} == {len(group)} for group in groups.values())
    single = replace(settings, polyphonic=0.0)
    part, sounds = draw_continuous(single, phases, breath, RATE, seeded(3))
    band = limit_band(breath, RATE, 100, 1000)
    levels = []
    for sound in sounds:
        start, end = round(sound.onset * RATE), round(sound.end * RATE)
        middle = (start + end) // 2
        around = band[max(0, middle - 400) : middle + 401].square().mean()
        levels.append(10 * math.log10(float(part[start:end].square().mean() / around)))
    assert sum(levels) / len(levels) == pytest.approx(6.0, abs=0.3)


def test_harmonics_above_half_the_rate_are_left_out():
    high = replace(STRIDOR, hertz=(900.0, 1000.0), harmonics=(4, 4), per_breath=1.0)
    breath, phases = breath_of(20)
    _, sounds = draw_continuous(high, phases, breath, RATE, seeded())
    assert {sound.harmonics for sound in sounds} <= {1, 2}


# ------------------------------------------------------------------------------------------------------------------- nuisance
def test_nuisance_has_its_kinds_levels_and_supports():
    part, events = draw_nuisance(NuisanceSettings(handling=10, voice=10, clicks=60), 0.005, 60 * RATE, RATE, seeded())
    kinds = [event.kind for event in events]
    assert {"handling", "voice", "click"} == set(kinds)
    assert kinds.count("click") == pytest.approx(60, abs=25)
    assert all(0 <= event.onset < event.end <= 61 for event in events)
    support = torch.zeros(60 * RATE, dtype=torch.bool)
    for event in events:
        support[int(event.onset * RATE) : int(event.end * RATE) + 140] = True
    assert float(part[~support].abs().max()) == 0
    for kind, form in (
        ("handling", NuisanceSettings(handling=8, voice=0, clicks=0)),
        ("voice", NuisanceSettings(handling=0, clicks=0, voice=8)),
    ):
        part, events = draw_nuisance(form, 0.005, 60 * RATE, RATE, seeded(3))
        clear = [event for event in events if all(event is other or event.end <= other.onset for other in events)]
        assert clear
        event = clear[0]
        assert event.kind == kind
        rms = part[round(event.onset * RATE) : round(event.end * RATE)].square().mean().sqrt() / 0.005
        assert 20 * math.log10(float(rms)) == pytest.approx(event.level_db, abs=1.5)
    assert draw_nuisance(NuisanceSettings(0, 0, 0), 0.005, RATE, RATE, seeded())[1] == []


def test_hum_is_a_line_of_the_asked_level():
    part, events = draw_nuisance(NuisanceSettings(0, 0, 0, hum=60.0, hum_db=-6.0), 0.01, 10 * RATE, RATE, seeded())
    assert events == []
    assert 20 * math.log10(float(part.square().mean().sqrt()) / 0.01) == pytest.approx(-6, abs=0.01)
    assert int(torch.fft.rfft(part).abs().argmax()) == 600


# ------------------------------------------------------------------------------------------------------------------ recordings
def test_parts_sum_exactly_and_nothing_that_was_there_changes():
    plain = simulate_recording(replace(EVERYTHING, continuous=(), nuisance=None), seeded(5))
    full = simulate_recording(EVERYTHING, seeded(5))
    assert torch.equal(plain.breath, full.breath)
    assert torch.equal(plain.crackles, full.crackles)
    assert plain.events == full.events
    assert torch.equal(plain.recording, plain.breath + plain.crackles)
    assert float(plain.wheezes.abs().max()) == float(plain.nuisance.abs().max()) == 0
    assert torch.equal(full.recording, full.breath + full.crackles + full.wheezes + full.nuisance)
    assert torch.equal(full.recording, simulate_recording(EVERYTHING, seeded(5)).recording)
    assert {sound.kind for sound in full.sounds} == {"wheeze", "rhonchus", "stridor"}


def test_a_stethoscope_cuts_all_but_the_breath():
    filtered = simulate_recording(replace(EVERYTHING, stethoscope=((600.0, 0.0), (1200.0, -60.0))), seeded(5))
    plain = simulate_recording(EVERYTHING, seeded(5))
    assert torch.equal(filtered.breath, plain.breath)
    for name in ("crackles", "wheezes", "nuisance"):
        before, after = getattr(plain, name), getattr(filtered, name)
        assert (
            float(limit_band(after, RATE, 1300, 2000).square().sum() / limit_band(before, RATE, 1300, 2000).square().sum()) < 1e-4
        )
        low = float(limit_band(after, RATE, 0, 400).square().sum() / limit_band(before, RATE, 0, 400).square().sum())
        assert low == pytest.approx(1, rel=0.05)
    parts = filtered.breath + filtered.crackles + filtered.wheezes + filtered.nuisance
    assert torch.equal(filtered.recording, parts)


def test_files_sum_exactly_and_tell_the_truth(tmp_path):
    simulated = simulate_to_folder(tmp_path / "a", EVERYTHING, 5)
    names = {"recording", "breath", "crackles", "wheezes", "nuisance"}
    integers = {name: (read_audio(tmp_path / "a" / f"{name}.wav").samples * 2**15).round() for name in names}
    assert torch.equal(integers.pop("recording"), sum(integers.values()))
    assert float((integers["wheezes"] / 2**15 - simulated.wheezes).abs().max()) <= 2**-16 + 1e-12
    events = read_events_csv(tmp_path / "a" / "events.csv").events
    kinds = {event.kind for event in events}
    assert {"wheeze", "rhonchus", "stridor", "fine_crackle", "coarse_crackle"} <= kinds
    wheeze = next(event for event in events if event.kind == "wheeze")
    assert 200 < wheeze.features["fundamental_hz"] < 960
    assert wheeze.features["idw_ms"] is None
    rows = list(csv.DictReader((tmp_path / "a" / "fundamentals.csv").read_text().splitlines()))
    assert len(rows) == sum(len(sound.hertz) for sound in simulated.sounds)
    facts = json.loads((tmp_path / "a" / "simulation.json").read_text())
    assert facts["continuous_sounds"] == len(simulated.sounds)
    assert facts["disturbances"] == len(simulated.disturbances)
    simulate_to_folder(tmp_path / "a", SimulationSettings(seconds=2.0, rate=RATE), 5, overwrite=True)
    assert not list((tmp_path / "a").glob("wheezes.wav"))
    assert not list((tmp_path / "a").glob("fundamentals.csv"))
    loud = replace(EVERYTHING, nuisance=NuisanceSettings(handling=60, handling_db=(60.0, 60.0)))
    with pytest.raises(DataError, match="full scale"):
        simulate_to_folder(tmp_path / "b", loud, 5)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"per_breath": -1},
        {"phase": "pause"},
        {"hertz": (500, 200)},
        {"hertz": (5, 200)},
        {"seconds": (0.01, 1)},
        {"harmonics": (0, 2)},
        {"jitter": 1},
        {"bend": 1},
        {"polyphonic": 2},
        {"level_db": (3, 1)},
    ],
)
def test_impossible_continuous_sounds(changes):
    with pytest.raises(ParameterError):
        ContinuousSettings(**changes)


@pytest.mark.parametrize("changes", [{"handling": -1}, {"clicks_db": (2, 1)}, {"hum": -50}])
def test_impossible_nuisance(changes):
    with pytest.raises(ParameterError):
        NuisanceSettings(**changes)
