"""Wheezes: continuity in time, the separation, the events, their files."""

import csv
import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from foreknow.errors import InputFileError, ParameterError
from foreknow.files import read_events_csv
from foreknow.files.raven import write_raven_table
from foreknow.lung import SeparationSettings, WheezeSettings, separate, separate_file
from foreknow.lung.features import collect_features, write_features
from foreknow.lung.lines import level_across
from foreknow.lung.path_opening import path_opening
from foreknow.lung.respiration import Breath, Respiration
from foreknow.lung.scoring import si_sdr
from foreknow.lung.simulate import RHONCHUS, WHEEZE, SimulationSettings, simulate_recording
from foreknow.lung.wheeze_event_stream import WheezeEventStream
from foreknow.lung.wheeze_separation import WheezeSeparator
from foreknow.lung.wheeze_table import count_wheezes, with_phase
from foreknow.lung.wheezes import Wheeze, find_wheezes, wheeze_activity, wheeze_seconds

RATE = 4000
SETTINGS = WheezeSettings()
WITH = SeparationSettings(wheezes=SETTINGS)


def noise(seconds, seed=0):
    return 0.02 * torch.randn(round(seconds * RATE), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def tone(hertz, start, end, seconds, amplitude=0.02, glide=0.0):
    time = torch.arange(round(seconds * RATE), dtype=torch.float64) / RATE
    inside = ((time >= start) & (time < end)).double()
    ends = torch.minimum(time - start, end - time).clamp(0, 0.02) / 0.02
    return amplitude * inside * ends * torch.sin(2 * torch.pi * (hertz * (time - start) + 0.5 * glide * (time - start) ** 2))


@pytest.fixture(scope="module")
def drawn():
    kinds = (replace(WHEEZE, per_breath=0.6, polyphonic=0.0), replace(RHONCHUS, per_breath=0.3))
    return simulate_recording(SimulationSettings(seconds=14.0, rate=RATE, continuous=kinds), torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def separated(drawn):
    return separate(drawn.recording, RATE, WITH)


# ---------------------------------------------------------------------------------------------------------- path opening
def brute_force(x, length, slope):
    """The best weakest place of all paths, one by one."""
    bins, frames = x.shape
    best = np.full((bins, frames), -np.inf)

    def walk(path):
        if len(path) == length:
            weakest = min(x[b, f] for b, f in path)
            for b, f in path:
                best[b, f] = max(best[b, f], weakest)
            return
        b, f = path[-1]
        if f + 1 < frames:
            for step in range(-slope, slope + 1):
                if 0 <= b + step < bins:
                    walk([*path, (b + step, f + 1)])

    for b in range(bins):
        for f in range(frames):
            walk([(b, f)])
    return best


@pytest.mark.parametrize(("length", "slope"), [(1, 1), (3, 0), (4, 1), (3, 2)])
def test_path_opening_is_the_best_weakest_place_of_all_paths(length, slope):
    x = torch.rand(2, 5, 6, generator=torch.Generator().manual_seed(length), dtype=torch.float64)
    opened = path_opening(x, length, slope)
    for item in range(2):
        np.testing.assert_array_equal(opened[item].numpy(), brute_force(x[item].numpy(), length, slope))


def test_path_opening_is_an_opening():
    x = torch.rand(12, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    opened = path_opening(x, 5)
    assert bool((opened <= x).all())
    assert torch.equal(path_opening(opened, 5), opened)
    assert bool((path_opening(x + 0.1 * torch.rand_like(x), 5) >= opened).all())
    assert bool(torch.isinf(path_opening(x[:, :4], 5)).all())


def test_a_click_has_no_strength_and_a_gliding_line_keeps_it():
    x = torch.zeros(20, 40)
    x[:, 10:13] = 100.0
    for frame in range(20, 30):
        x[frame - 15, frame] = 5.0
    opened = path_opening(x, 7)
    assert float(opened[:, :15].max()) == 0.0
    assert float(opened[8, 23]) == 5.0


def test_a_line_does_not_raise_the_level_around():
    modulus = torch.ones(40, 100, dtype=torch.float64)
    modulus[20] = 50.0
    assert torch.allclose(level_across(modulus, 15), level_across(torch.ones_like(modulus), 15))


# -------------------------------------------------------------------------------------------------------------- separation
def test_wheezes_are_separated_from_breath_and_crackles(drawn, separated):
    before, after = si_sdr(drawn.recording, drawn.wheezes), si_sdr(separated.wheezes, drawn.wheezes)
    assert after > before + 8
    assert float(si_sdr(separated.crackles, drawn.crackles)) > float(si_sdr(drawn.recording, drawn.crackles)) + 6


def test_three_parts_sum_to_the_recording(drawn, separated):
    assert torch.allclose(separated.crackles + separated.wheezes + separated.breath, drawn.recording, atol=1e-12)


def test_without_wheezes_nothing_changes(drawn):
    piece = drawn.recording[: 5 * RATE]
    plain, all_parts = separate(piece, RATE), separate(piece, RATE, WITH)
    assert torch.equal(plain.crackles, all_parts.crackles)
    assert plain.events == all_parts.events
    assert not plain.wheezes.any()
    assert plain.wheeze_events == ()


def test_breath_alone_holds_next_to_no_wheezes():
    breath = simulate_recording(SimulationSettings(seconds=8.0, rate=RATE, crackles=()), torch.Generator().manual_seed(8)).breath
    found = separate(breath, RATE, WITH)
    assert found.wheezes.norm() < 0.06 * breath.norm()
    assert len(found.wheeze_events) <= 1


def test_clicks_are_no_wheezes():
    signal = noise(9.0)
    signal[::800] += 1.0
    separator = WheezeSeparator(SETTINGS, RATE)
    window = signal[None, : separator.window_samples]
    assert separator.separate(window).norm() < 0.05 * window.norm()


@pytest.mark.parametrize("gain", [2.0**-12, 16.0])
def test_level_and_polarity_do_not_matter(drawn, gain):
    separator = WheezeSeparator(SETTINGS, RATE)
    window = (drawn.breath + drawn.wheezes)[None, : separator.window_samples]
    usual = separator.separate(window)
    assert torch.allclose(separator.separate(-gain * window), -gain * usual, atol=1e-6 * gain * float(usual.abs().max()))


def test_the_solution_is_certified_and_the_model_declared(drawn):
    usual = WheezeSeparator(SETTINGS, RATE)
    fine = WheezeSeparator(WheezeSettings(iterations=200, tolerance=1e-3), RATE)
    for separator in (usual, fine):
        separator.separate((drawn.breath + drawn.wheezes)[None, : separator.window_samples])
    assert 0 <= fine.report.worst_gap < 0.5 * usual.report.worst_gap < 0.15
    assert "STFT^* x_wheezes" in str(usual.model)


def test_silence_stays_silent():
    separator = WheezeSeparator(SETTINGS, RATE)
    assert not separator.separate(torch.zeros(1, separator.window_samples)).any()
    assert find_wheezes(torch.zeros(8000), torch.zeros(8000), rate=RATE, settings=SETTINGS) == []
    assert find_wheezes(torch.zeros(50), torch.ones(50), rate=RATE, settings=SETTINGS) == []


@pytest.mark.parametrize("changes", [{"band": (900.0, 200.0)}, {"shortest": 0.01}, {"threshold": 0.1}, {"overlap": 0.8}])
def test_impossible_settings(changes):
    with pytest.raises(ParameterError, match="wheezes need"):
        WheezeSettings(**changes)


# ------------------------------------------------------------------------------------------------------------------ events
@pytest.mark.parametrize(
    ("hertz", "glide", "kind"), [(160.0, 0.0, "rhonchus"), (420.0, 150.0, "wheeze"), (800.0, -300.0, "wheeze")]
)
def test_a_tone_is_an_event_with_its_course(hertz, glide, kind):
    wheezes = tone(hertz, 2.0, 2.6, 8.0, glide=glide)
    (event,) = find_wheezes(wheezes, noise(8.0), rate=RATE, settings=SETTINGS)
    assert event.kind == kind
    assert event.onset == pytest.approx(2.0, abs=0.05)
    assert event.end == pytest.approx(2.6, abs=0.05)
    assert event.voices == event.harmonics == 1
    inner = slice(3, -3)
    true = hertz + glide * (np.array(event.times) - 2.0)
    assert np.abs(np.array(event.hertz) - true)[inner].max() < 8.0


def test_harmonics_are_told_from_voices():
    low, high = tone(200.0, 2.0, 2.8, 8.0), tone(400.0, 2.0, 2.8, 8.0, 0.015)
    (rich,) = find_wheezes(low + high, noise(8.0), rate=RATE, settings=SETTINGS)
    assert (rich.harmonics, rich.voices) == (2, 1)
    two = find_wheezes(low + tone(530.0, 2.0, 2.8, 8.0), noise(8.0), rate=RATE, settings=SETTINGS)
    assert [(event.harmonics, event.voices) for event in two] == [(1, 2), (1, 2)]
    assert wheeze_seconds(two) == pytest.approx(0.8, abs=0.1)


def test_what_is_short_is_no_wheeze():
    assert find_wheezes(tone(420.0, 2.0, 2.06, 8.0), noise(8.0), rate=RATE, settings=SETTINGS) == []


def test_simulated_events_are_found(drawn, separated):
    hits = sum(
        any(
            min(found.end, true.end) - max(found.onset, true.onset) > 0.5 * true.duration
            and abs(found.fundamental / true.fundamental - 1) < 0.1
            for found in separated.wheeze_events
        )
        for true in drawn.sounds
    )
    assert hits >= 0.6 * len(drawn.sounds)
    assert len(separated.wheeze_events) <= 1.5 * len(drawn.sounds)


def test_activity_is_high_where_there_is_a_wheeze():
    activity, times = wheeze_activity(noise(8.0) + tone(420.0, 2.0, 3.0, 8.0), rate=RATE, settings=SETTINGS)
    inside = (times > 2.1) & (times < 2.9)
    outside = ((times > 0.5) & (times < 1.8)) | ((times > 3.2) & (times < 7.5))
    assert float(activity[inside].mean()) > float(activity[outside].max())


@pytest.mark.parametrize("blocks", [999, 20_000])
def test_events_do_not_depend_on_blocks_and_each_is_found_once(blocks):
    tones = sum(tone(300.0 + 40 * k, 3.0 * k + 0.5, 3.0 * k + 1.5, 20.0) for k in range(6))
    breath = noise(20.0)
    stream = WheezeEventStream(SETTINGS, RATE, chunk=7.0, context=2.0)
    for part, rest in zip(tones.split(blocks), breath.split(blocks), strict=True):
        stream.push(part, rest)
    events = stream.finish()
    assert [round(event.onset - 0.5) for event in events] == [0, 3, 6, 9, 12, 15]
    assert all(event.times[0] >= event.onset - 1e-9 for event in events)


def test_stridor_is_high_loud_and_inspiratory():
    respiration = Respiration((Breath(0.0, 1.0, 2.0),), 0.9, 2.0)
    sound = Wheeze(0.2, 0.8, "wheeze", (0.2, 0.8), (600.0, 620.0), 1, 1, 5.0, 12.0)
    later, soft = replace(sound, onset=1.2, end=1.8), replace(sound, level_db=3.0)
    assert [w.kind for w in with_phase([sound, later, soft], respiration, SETTINGS)] == ["stridor", "wheeze", "wheeze"]
    count = count_wheezes([sound, later], respiration, 4.0)
    assert count["wheeze_share"] == pytest.approx(0.3)
    assert count["wheeze_share_of_breathing"] == pytest.approx(0.6)
    assert with_phase([sound], Respiration(), SETTINGS)[0].kind == "wheeze"


# ------------------------------------------------------------------------------------------------------------------- files
@pytest.fixture(scope="module")
def results(tmp_path_factory, drawn):
    folder = tmp_path_factory.mktemp("wheezes")
    soundfile.write(folder / "a.wav", drawn.recording[: 6 * RATE].numpy(), RATE, subtype="PCM_16")
    return separate_file(folder / "a.wav", folder / "out", WITH)


def test_files_of_three_parts_sum_exactly_and_tell_the_same(results):
    parts = [soundfile.read(results.folder / f"{name}.wav", dtype="int16")[0] for name in ("crackles", "wheezes", "breath")]
    recording = soundfile.read(results.source, dtype="int16")[0]
    assert np.array_equal(sum(part.astype(np.int64) for part in parts), recording)
    summary = json.loads((results.folder / "summary.json").read_text())
    rows = [row for row in read_events_csv(results.folder / "events.csv").events if not row.kind.endswith("crackle")]
    assert len(rows) == len(results.wheezes) == summary["wheeze"] + summary["rhonchus"] + summary["stridor"] > 0
    assert all(row.features["fundamental_hz"] > 80 for row in rows)
    course = list(csv.DictReader(io.StringIO((results.folder / "fundamentals.csv").read_text())))
    assert {int(row["sound"]) for row in course} == set(range(1, len(rows) + 1))
    assert summary["settings"]["wheezes"]["shortest"] == SETTINGS.shortest
    assert "wheezes.wav" in (results.folder / "report.html").read_text()


def test_a_run_without_wheezes_leaves_none_of_an_earlier_one(tmp_path, results):
    folder = tmp_path / "out" / results.folder.name
    shutil.copytree(results.folder, folder)
    separate_file(results.source, folder.parent, overwrite=True, report=False)
    assert not (folder / "wheezes.wav").exists()
    assert not (folder / "fundamentals.csv").exists()


def test_a_raven_table_has_bands(tmp_path, results):
    lines = (results.folder / "raven.txt").read_text().splitlines()
    assert lines[0].startswith("Selection\tView\tChannel\tBegin Time (s)")
    bands = {tuple(map(float, line.split("\t")[5:7])) for line in lines[1:] if line.endswith(("wheeze", "rhonchus"))}
    assert all(0 <= low < high < 2000 for low, high in bands)
    write_raven_table(tmp_path / "none.txt", [], 2000.0)
    assert (tmp_path / "none.txt").read_text().count("\n") == 1


def test_features_are_collected(tmp_path, results):
    out = results.folder.parent
    assert write_features([out], tmp_path / "features.csv") == 1
    (row,) = csv.DictReader(io.StringIO((tmp_path / "features.csv").read_text()))
    assert float(row["duration_s"]) == 6.0
    assert row["name"] == "a"
    assert "settings" not in row
    with pytest.raises(ParameterError, match="exists already"):
        write_features([out], tmp_path / "features.csv")
    with pytest.raises(ParameterError, match="is a folder"):
        write_features([out], tmp_path)
    with pytest.raises(InputFileError, match="holds no results"):
        collect_features([tmp_path])
