"""Recordings from file to results. Where nothing depends on it, crackles are told from breath by a quick high-pass."""

import csv
import json
import re
import resource

import numpy as np
import pytest
import soundfile
import torch

from foreknow.errors import DataError, InputFileError, ParameterError, ShapeError
from foreknow.files import MeanOfChannels, OneChannel, collect_audio, read_audacity_labels, read_events_csv
from foreknow.lung import crackle_stream
from foreknow.lung.batch import separate_many
from foreknow.lung.crackle_stream import CrackleStream
from foreknow.lung.demonstration import demonstrate
from foreknow.lung.events import Crackle
from foreknow.lung.recording import separate, separate_batch
from foreknow.lung.results import FILES
from foreknow.lung.scoring import match_events, si_sdr
from foreknow.lung.separate_file import separate_file
from foreknow.lung.settings import SeparationSettings
from foreknow.lung.simulate import SimulationSettings, simulate_recording
from foreknow.lung.simulation_files import simulate_to_folder


class HighPass:
    """Stands in for the separator where only the plumbing is tested."""

    def __init__(self, settings, rate):
        self.window_samples = round(settings.window * rate)
        self.model = torch.nn.Identity()

    def separate(self, windows):
        return windows - torch.nn.functional.avg_pool1d(windows[:, None], 9, 1, 4)[:, 0]


def find_peaks(crackles, breath, rate, settings):
    high = crackles.abs() > max(1e-3, 4 * float(crackles.square().mean().sqrt()))
    places = torch.nonzero(high[1:] & ~high[:-1]).flatten().tolist() if breath.shape[0] else []
    return [
        Crackle(p / rate, p / rate, 0.0007, 0.005, 0.001, "fine", 1, 0.1, 1e-5, settings.minimum_level_db or 6.0) for p in places
    ]


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(crackle_stream, "crackle_separator", HighPass)
    monkeypatch.setattr(crackle_stream, "find_crackles", find_peaks)


def sound(seconds, rate, seed=0):
    count = round(seconds * rate)
    samples = 0.05 * np.random.default_rng(seed).standard_normal(count)
    samples[rate // 10 :: max(1, rate // 3)] += 0.6
    return samples.clip(-0.99, 0.99)


def write(path, samples, rate=8000, subtype="PCM_16"):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype=subtype, format="WAV")
    return path


def integers(path):
    return soundfile.read(path, dtype="int32")[0].astype(np.int64)


# ------------------------------------------------------------------------------------------------------------ sum of parts
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32"])
@pytest.mark.parametrize("rate", [4000, 8000, 11025, 44100])
@pytest.mark.usefixtures("quick")
def test_integer_parts_sum_to_the_recording_exactly(tmp_path, subtype, rate):
    path = write(tmp_path / "a.wav", sound(1.3, rate), rate, subtype)
    result = separate_file(path, tmp_path / "out", report=False)
    parts = [result.folder / name for name in ("crackles.wav", "breath.wav")]
    assert np.array_equal(integers(parts[0]) + integers(parts[1]), integers(path))
    assert {soundfile.info(part).samplerate for part in parts} == {rate}
    assert {soundfile.info(part).subtype for part in parts} == {"PCM_16" if subtype == "PCM_U8" else subtype}


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
@pytest.mark.usefixtures("quick")
def test_float_parts_sum_to_the_recording(tmp_path, subtype):
    path = write(tmp_path / "a.wav", 3 * sound(6, 22050), 22050, subtype)
    folder = separate_file(path, tmp_path / "out", report=False).folder
    total = soundfile.read(folder / "crackles.wav")[0] + soundfile.read(folder / "breath.wav")[0]
    np.testing.assert_allclose(total, soundfile.read(path)[0], rtol=0, atol=1e-6)
    assert soundfile.info(folder / "breath.wav").subtype == "FLOAT"


@pytest.mark.usefixtures("quick")
def test_full_scale_clicks_do_not_overflow(tmp_path):
    samples = np.tile([32767, -32768, 32767, 0, 0], 4000).astype(np.int16)
    path = write(tmp_path / "a.wav", samples, 8000)
    folder = separate_file(path, tmp_path / "out", report=False).folder
    assert np.array_equal(integers(folder / "crackles.wav") + integers(folder / "breath.wav"), integers(path))


@pytest.mark.parametrize("rate", [4000, 8000, 11025, 44100, 48000])
@pytest.mark.usefixtures("quick")
def test_crackles_lie_where_they_lie_in_the_recording(rate):
    samples = np.zeros(7 * rate)
    places = np.arange(rate // 2, 6 * rate, rate // 2)
    time = np.arange(-(rate // 100), rate // 100) / rate
    for place in places:
        samples[place - rate // 100 : place + rate // 100] += 0.5 * np.exp(-((time / 0.001) ** 2))
    crackles = separate(samples, rate).crackles.numpy()
    for place in places:
        near = crackles[place - rate // 200 : place + rate // 200]
        assert abs(int(near.argmax()) - rate // 200) <= 1


@pytest.mark.parametrize("blocks", [1000, 4096, 100_000])
@pytest.mark.usefixtures("quick")
def test_any_block_size_gives_the_same_bits(blocks):
    signal = torch.from_numpy(sound(30, 11025))
    expected = separate(signal, 11025)
    stream = CrackleStream(SeparationSettings(), 11025)
    parts = [stream.push(block) for block in signal.split(blocks)] + [stream.finish()]
    assert torch.equal(torch.cat([part[0] for part in parts]), signal)
    assert torch.equal(torch.cat([part[1] for part in parts]), expected.crackles)
    assert stream.events == expected.events
    assert len(expected.events) == len({event.peak for event in expected.events}) > 50


# -------------------------------------------------------------------------------------------------------- odd recordings
@pytest.mark.parametrize("seconds", [0.25, 0.3, 1.0, 4.0, 4.096, 4.2, 9.0])
@pytest.mark.usefixtures("quick")
def test_recordings_around_a_window_work(tmp_path, seconds):
    path = write(tmp_path / "a.wav", sound(seconds, 8000))
    result = separate_file(path, tmp_path / "out", report=False)
    assert soundfile.info(result.folder / "breath.wav").frames == round(seconds * 8000)
    assert result.seconds == pytest.approx(seconds)


def test_a_silent_recording_has_no_events_and_a_notice(tmp_path):
    result = separate_file(write(tmp_path / "a.wav", np.zeros(9000)), tmp_path / "out")
    assert result.crackles == ()
    assert any("silent" in notice for notice in result.notices)
    assert "silent" in (result.folder / "report.html").read_text(encoding="utf-8")
    assert not integers(result.folder / "crackles.wav").any()
    assert json.loads((result.folder / "summary.json").read_text())["median_idw_ms"] is None


@pytest.mark.usefixtures("quick")
def test_a_clipped_recording_has_a_notice(tmp_path):
    path = write(tmp_path / "a.wav", (30 * sound(2, 8000)).clip(-1, 1))
    result = separate_file(path, tmp_path / "out", report=False)
    assert any("clipped" in notice for notice in result.notices)
    summary = json.loads((result.folder / "summary.json").read_text())
    assert summary["clipped_share"] > 0.01
    assert summary["notices"] == list(result.notices)


def nan_file(path):
    samples = sound(1, 8000)
    samples[4000] = np.nan
    return write(path, samples, subtype="FLOAT")


def text_file(path):
    path.write_text("a table, not sound\n" * 20)
    return path


def empty_file(path):
    path.touch()
    return path


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (empty_file, r"is empty \(0 bytes\)"),
        (text_file, "holds text, not sound"),
        (nan_file, "NaN or infinite at 0.500 s"),
        (lambda path: write(path, sound(0.1, 8000)), "lasts 0.1 s, but at least 0.25 s are needed"),
        (lambda path: write(path, np.stack([sound(1, 8000)] * 8, axis=1)), "has 8 channels"),
        (lambda path: path, "does not exist"),
    ],
)
def test_recordings_that_cannot_be_used_leave_one_sentence_and_no_files(tmp_path, make, sentence):
    path = make(tmp_path / "in" / "a.wav") if make(tmp_path / "a.wav") is None else tmp_path / "a.wav"
    with pytest.raises(InputFileError, match=sentence) as caught:
        separate_file(path, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not [file for file in (tmp_path / "out").rglob("*") if file.is_file()]


@pytest.mark.usefixtures("quick")
def test_channels_are_chosen(tmp_path):
    channels = np.stack([sound(1, 8000, seed) for seed in range(8)], axis=1)
    path = write(tmp_path / "a.wav", channels)
    for number in (1, 8):
        folder = separate_file(path, tmp_path / f"out{number}", channel=OneChannel(number), report=False).folder
        total = integers(folder / "crackles.wav") + integers(folder / "breath.wav")
        assert np.array_equal(total, integers(path)[:, number - 1])
    folder = separate_file(path, tmp_path / "mean", channel=MeanOfChannels(), report=False).folder
    total = soundfile.read(folder / "crackles.wav")[0] + soundfile.read(folder / "breath.wav")[0]
    np.testing.assert_allclose(total, soundfile.read(path)[0].mean(axis=1), rtol=0, atol=2**-16 + 1e-12)


@pytest.mark.usefixtures("quick")
def test_a_truncated_recording_is_used_and_said_to_be_truncated(tmp_path):
    path = write(tmp_path / "secret ward" / "a.wav", sound(2, 8000))
    path.write_bytes(path.read_bytes()[:-8000])
    result = separate_file(path, tmp_path / "out", report=False)
    assert result.seconds == pytest.approx(1.5)
    assert any("truncated" in notice for notice in result.notices)
    assert "secret ward" not in (result.folder / "summary.json").read_text()


# ----------------------------------------------------------------------------------------------------------------- results
def test_results_are_complete_valid_and_of_one_name_only(tmp_path):
    path = write(tmp_path / "ward 7" / "<img src=x onerror=alert(1)>.wav", sound(3, 8000))
    result = separate_file(path, tmp_path / "out")
    assert sorted(file.name for file in result.folder.iterdir()) == sorted(FILES)
    summary = json.loads((result.folder / "summary.json").read_text())
    assert summary["crackles"] == len(result.crackles) == len(read_events_csv(result.folder / "events.csv").events)
    assert summary["crackles"] == len(read_audacity_labels(result.folder / "labels.txt").events)
    assert summary["crackles_per_minute"] == pytest.approx(20 * summary["crackles"])
    assert summary["duration_s"] == 3.0
    assert summary["settings"]["rate"] == 4000
    assert "not a diagnosis" in summary["disclaimer"]
    page = (result.folder / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"(src|href)\s*=\s*['\"]?\s*(https?:)?//", page)
    assert "<img src=x" not in page
    for text in (page, json.dumps(summary), (result.folder / "events.csv").read_text()):
        assert "ward 7" not in text


@pytest.mark.usefixtures("quick")
def test_a_long_recording_shows_its_liveliest_minute(tmp_path):
    samples = 0.001 * np.random.default_rng(0).standard_normal(4000 * 200)
    samples[4000 * 130 : 4000 * 150 : 2000] = 0.5
    page = (separate_file(write(tmp_path / "a.wav", samples, 4000), tmp_path / "out").folder / "report.html").read_text()
    assert "minute with the most crackles: 90 to 150.0 s of 200 s" in page
    assert "Over the time of the recording" in page


@pytest.mark.usefixtures("quick")
def test_results_that_exist_are_kept(tmp_path):
    path = write(tmp_path / "a.wav", sound(1, 8000))
    out = tmp_path / "out"
    folder = separate_file(path, out, report=True).folder
    (folder / "notes.txt").write_text("mine")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(ParameterError, match="holds results already; add --overwrite"):
        separate_file(path, out)

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        separate_file(path, out, overwrite=True, progress=interrupt)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert [entry.name for entry in out.iterdir()] == [folder.name]
    separate_file(path, out, overwrite=True, report=False)
    assert (folder / "notes.txt").read_text() == "mine"
    assert not (folder / "report.html").exists()


@pytest.mark.usefixtures("quick")
def test_progress_ends_at_the_length_and_never_goes_back(tmp_path):
    seen = []
    separate_file(write(tmp_path / "a.wav", sound(120, 4000), 4000), tmp_path / "out", report=False, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 120.0
    assert len(set(seen)) > 2


@pytest.mark.usefixtures("quick")
def test_memory_does_not_grow_with_the_recording():
    stream = CrackleStream(SeparationSettings(), 8000)
    for seed in range(300):
        stream.push(0.01 * torch.randn(8000, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))
        assert len(stream._signal) + len(stream._part) < 80 * 8000
        assert len(stream._working) < 80 * 4000
        assert len(stream._search._crackles) < 80 * 4000


@pytest.mark.slow
def test_eight_hours_take_no_more_memory_than_half_an_hour():
    """Separated in full, block by block: what grows are the events and two numbers a frame of breathing."""
    minute = simulate_recording(SimulationSettings(seconds=60.0, rate=4000), torch.Generator().manual_seed(0)).recording
    stream, blocks = CrackleStream(SeparationSettings(), 4000), 0
    early = peak_memory = 0
    for index in range(8 * 60):
        for block in minute.split(2**16):
            recording, _ = stream.push(block)
            blocks += recording.shape[0]
        peak_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        early = peak_memory if index == 30 else early
    blocks += stream.finish()[0].shape[0]
    assert blocks == 8 * 60 * minute.shape[0]
    assert len(stream.events) > 8 * 60 * 50
    assert peak_memory - early < 200_000  # kilobytes


# ------------------------------------------------------------------------------------------------------------------- batch
@pytest.mark.usefixtures("quick")
def test_one_bad_recording_leaves_the_others(tmp_path):
    for name in ("b", "a"):
        write(tmp_path / "in" / f"{name}.wav", sound(1, 8000))
    text_file(tmp_path / "in" / "c.wav")
    told = []
    batch = separate_many([tmp_path / "in"], tmp_path / "out", report=False, finished=told.append)
    assert [result.name for result in batch.results] == ["a", "b"]
    assert [(failure.name, failure.is_input) for failure in batch.failures] == [("c", True)]
    assert "holds text" in batch.failures[0].message
    assert "InputFileError" in batch.failures[0].details
    assert len(told) == 3
    with (tmp_path / "out" / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["name"], row["status"]) for row in rows] == [("a", "ok"), ("b", "ok"), ("c", "failed")]
    assert "holds text" in rows[2]["message"]
    assert float(rows[0]["duration_s"]) == 1.0


@pytest.mark.usefixtures("quick")
def test_a_fault_of_ours_in_one_recording_leaves_the_others(tmp_path, monkeypatch):
    def fail(_, windows):
        if bool((windows.abs() > 0.9).any()):
            message = "first line\nsecond line"
            raise RuntimeError(message)
        return windows

    monkeypatch.setattr(HighPass, "separate", fail)
    write(tmp_path / "a.wav", np.full(8000, 0.95))
    write(tmp_path / "b.wav", 0.1 * sound(1, 8000))
    batch = separate_many([tmp_path], tmp_path / "out", report=False)
    assert [result.name for result in batch.results] == ["b"]
    assert not batch.failures[0].is_input
    assert "RuntimeError: first line" in batch.failures[0].message
    assert "\n" not in batch.failures[0].message


@pytest.mark.usefixtures("quick")
def test_files_of_one_stem_have_results_of_their_own(tmp_path):
    write(tmp_path / "a" / "rec.wav", sound(1, 8000))
    write(tmp_path / "b" / "rec.wav", sound(1, 8000, seed=1))
    batch = separate_many([tmp_path / "a", tmp_path / "b"], tmp_path / "out", report=False)
    assert sorted(result.name for result in batch.results) == ["a-rec", "b-rec"]


@pytest.mark.usefixtures("quick")
def test_nothing_is_done_if_one_result_exists(tmp_path):
    paths = [write(tmp_path / f"{name}.wav", sound(1, 8000)) for name in "abc"]
    separate_many(paths[1:2], tmp_path / "out", report=False)
    with pytest.raises(ParameterError, match="b holds results already"):
        separate_many(paths, tmp_path / "out", report=False)
    assert sorted(entry.name for entry in (tmp_path / "out").iterdir()) == ["b"]


@pytest.mark.usefixtures("quick")
def test_resume_does_what_is_left_and_refuses_other_settings(tmp_path):
    paths = [write(tmp_path / f"{name}.wav", sound(1, 8000)) for name in "abc"]
    separate_many(paths[1:2], tmp_path / "out", report=False)
    batch = separate_many(paths, tmp_path / "out", report=False, resume=True)
    assert ([result.name for result in batch.results], batch.skipped) == (["a", "c"], ("b",))
    assert len((tmp_path / "out" / "summary.csv").read_text().splitlines()) == 4
    with pytest.raises(ParameterError, match="holds results already"):
        separate_many(paths, tmp_path / "out", SeparationSettings(minimum_level_db=9.0), report=False, resume=True)


@pytest.mark.usefixtures("quick")
def test_an_interrupt_keeps_what_is_done(tmp_path):
    paths = [write(tmp_path / f"{name}.wav", sound(1, 8000)) for name in "abc"]

    def interrupt(name, _):
        if name == "c":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        separate_many(paths, tmp_path / "out", report=False, progress=interrupt)
    assert sorted(entry.name for entry in (tmp_path / "out").iterdir()) == ["a", "b", "summary.csv"]


@pytest.mark.usefixtures("quick")
def test_results_beside_the_recordings_are_not_recordings(tmp_path):
    write(tmp_path / "a.wav", sound(1, 8000))
    write(tmp_path / "b.wav", sound(1, 8000))
    for _ in range(2):
        batch = separate_many([tmp_path], tmp_path, report=False, overwrite=True)
        assert [result.name for result in batch.results] == ["a", "b"]


def test_no_jobs_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="at least one job"):
        separate_many([write(tmp_path / "a.wav", sound(1, 8000))], tmp_path / "out", jobs=0)


# --------------------------------------------------------------------------------------------------------------- in memory
@pytest.mark.usefixtures("quick")
def test_memory_and_file_agree(tmp_path):
    path = write(tmp_path / "a.wav", sound(6, 8000))
    result = separate_file(path, tmp_path / "out", report=False)
    memory = separate(soundfile.read(path)[0], 8000)
    assert memory.events == result.crackles
    stored = soundfile.read(result.folder / "crackles.wav")[0]
    np.testing.assert_allclose(memory.crackles.numpy(), stored, rtol=0, atol=2**-16 + 1e-12)


@pytest.mark.usefixtures("quick")
def test_in_memory_the_type_stays_and_the_parts_sum():
    recording = torch.from_numpy(sound(1, 8000)).float()
    parts = separate(recording, 8000)
    assert parts.crackles.dtype == parts.breath.dtype == torch.float32
    torch.testing.assert_close(parts.crackles + parts.breath, recording, rtol=0, atol=1e-6)
    assert not parts.crackles.is_inference()


@pytest.mark.usefixtures("quick")
def test_a_batch_is_its_recordings():
    recordings = torch.from_numpy(np.stack([sound(1, 8000, seed) for seed in range(3)]))
    for parts, recording in zip(separate_batch(recordings, 8000), recordings, strict=True):
        assert torch.equal(parts.crackles, separate(recording, 8000).crackles)


@pytest.mark.parametrize(
    ("recording", "error", "sentence"),
    [
        (torch.zeros(2, 8000), ShapeError, "shape"),
        (torch.zeros(8000, dtype=torch.int16), DataError, "floating point"),
        (torch.zeros(800), DataError, "at least 0.25 s"),
        (torch.full((8000,), torch.nan), DataError, "8000 samples that are NaN"),
    ],
)
def test_arrays_that_cannot_be_used(recording, error, sentence):
    with pytest.raises(error, match=sentence):
        separate(recording, 8000)


@pytest.mark.usefixtures("quick")
def test_threads_are_as_before():
    before = torch.get_num_threads()
    separate(sound(1, 8000), 8000)
    assert torch.get_num_threads() == before


# ------------------------------------------------------------------------------------------------- simulation and scoring
def test_events_are_paired_once():
    score = match_events([0.0, 0.003, 0.1, 0.5], [0.001, 0.104, 0.2], tolerance=0.005)
    assert (score.hits, score.false_alarms, score.misses) == (2, 2, 1)
    assert score.f1 == pytest.approx(4 / 7)
    assert match_events([], []).f1 == 1.0


def test_pairs_are_as_many_as_possible():
    assert match_events([0.004, 0.008], [0.0, 0.005], tolerance=0.005).hits == 2


def test_si_sdr_of_known_signals():
    reference = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    estimate = torch.tensor([[3.0, 3.0], [2.0, 0.0], [0.0, 0.0]])
    assert si_sdr(estimate, reference).tolist() == [0.0, float("inf"), float("-inf")]


def test_a_simulation_on_disk_sums_and_says_how_it_was_drawn(tmp_path):
    settings = SimulationSettings(seconds=6.0, rate=8000)
    simulated = simulate_to_folder(tmp_path / "s", settings, seed=3)
    parts = [integers(tmp_path / "s" / name) for name in ("crackles.wav", "breath.wav", "recording.wav")]
    assert np.array_equal(parts[0] + parts[1], parts[2])
    events = read_events_csv(tmp_path / "s" / "events.csv").events
    assert [event.onset for event in events] == pytest.approx([event.onset for event in simulated.events], abs=1e-6)
    content = json.loads((tmp_path / "s" / "simulation.json").read_text())
    assert (content["seed"], content["settings"]["seconds"]) == (3, 6.0)
    with pytest.raises(ParameterError, match="holds a simulation already"):
        simulate_to_folder(tmp_path / "s", settings)


# ---------------------------------------------------------------------------------------------- with the separator itself
def test_the_demonstration_finds_most_of_what_it_planted(tmp_path):
    done = demonstrate(tmp_path / "demo", SimulationSettings(seconds=12.0, rate=8000), seed=1)
    assert done.events.f1 > 0.6
    assert done.crackle_si_sdr > done.recording_si_sdr + 6
    page = done.report.read_text(encoding="utf-8")
    assert "Held against the truth" in page
    assert not re.search(r"(src|href)\s*=\s*['\"]?\s*(https?:)?//", page)


def test_jobs_do_not_change_results(tmp_path):
    for seed in range(2):
        simulated = simulate_recording(SimulationSettings(seconds=5.0, rate=8000), torch.Generator().manual_seed(seed))
        write(tmp_path / "in" / f"{seed}.wav", simulated.recording.numpy())
    text_file(tmp_path / "in" / "bad.wav")
    for jobs in (1, 2):
        batch = separate_many([tmp_path / "in"], tmp_path / f"out{jobs}", report=False, jobs=jobs)
        assert (len(batch.results), len(batch.failures)) == (2, 1)
    first = {path.relative_to(tmp_path / "out1"): path.read_bytes() for path in (tmp_path / "out1").rglob("*") if path.is_file()}
    second = {path.relative_to(tmp_path / "out2"): path.read_bytes() for path in (tmp_path / "out2").rglob("*") if path.is_file()}
    assert first == second
    assert len(first) == 2 * (len(FILES) - 1) + 1


@pytest.mark.data
@pytest.mark.parametrize(("folder", "number"), [("sprsound", 0), ("icbhi", 0), ("icbhi", 4), ("kauh", 0)])
def test_real_recordings_are_split_exactly(tmp_path, shared_data, folder, number):
    path = collect_audio([shared_data / "lung" / folder])[number].path
    result = separate_file(path, tmp_path / "out", report=False)
    total = integers(result.folder / "crackles.wav") + integers(result.folder / "breath.wav")
    assert np.array_equal(total, integers(path))
    recording = integers(path).astype(float)
    crackles = integers(result.folder / "crackles.wav").astype(float)
    assert 0 < np.square(crackles).sum() < np.square(recording).sum()
    assert result.per_minute < 1500
    assert all(0 <= crackle.onset < result.seconds for crackle in result.crackles)
