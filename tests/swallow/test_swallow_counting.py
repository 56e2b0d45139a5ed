"""Counting: the engine, decisions, verdicts, files, the terminal."""

import json
import math
from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

from foreknow.cli.app import app
from foreknow.cli.swallow_live import big_number, waveform_rows
from foreknow.errors import DataError, InputFileError, ParameterError
from foreknow.files.depth import DepthVideo, read_depth, write_depth
from foreknow.learn import Description
from foreknow.swallow.batch import ReadingSettings, count_file, count_many, count_video
from foreknow.swallow.counting import CountingEngine, WindowReader
from foreknow.swallow.decisions import ANNOUNCING, SETTLING, Calibration, Decisions
from foreknow.swallow.events import SwallowEvent, beside_each_other
from foreknow.swallow.learned.adapt import adapt_placement, shifted
from foreknow.swallow.learned.calibrate import calibrate
from foreknow.swallow.learned.lessons import SwallowObjective, Windows, frame_weights, lesson_of, targets
from foreknow.swallow.learned.network import INPUTS, KINDS, NetworkSettings, SwallowNetwork, network_input
from foreknow.swallow.learned.train import TrainingPlan, first_patterns, train_network
from foreknow.swallow.live import LiveTest, Paced, Phase, frames_of
from foreknow.swallow.model import load_model, write_model
from foreknow.swallow.movement import CELLS, Delivery, Features, trial_features
from foreknow.swallow.scoring import EventScore, cohen_kappa, match_events
from foreknow.swallow.settings import CountSettings
from foreknow.swallow.simulate import ConfounderSettings, Kind, TrueEvent, preset, simulate_trial
from foreknow.swallow.simulate.varied import with_pixels
from foreknow.swallow.validity import judge_test, quality_of
from foreknow.swallow.verdict import verdict_of


@pytest.fixture(scope="module")
def trial():
    """Ten seconds with three swallows, clear ones."""
    base = with_pixels(preset("easy"), 64)
    schedule = replace(base.schedule, count=3, first=(1.0, 1.5))
    return simulate_trial(replace(base, seconds=10.0, schedule=schedule, confounders=ConfounderSettings()), 11)


@pytest.fixture(scope="module")
def recording(trial, tmp_path_factory):
    path = tmp_path_factory.mktemp("recording") / "Yamada_Taro_1950.npz"
    write_depth(path, trial.video)
    return path


def peaks(trial):
    return [event.peak for event in trial.swallows]


# ------------------------------------------------------------------------------------------------------------------- counting
def test_swallows_are_counted_where_they_are(trial):
    result = count_video(trial.video, settings=CountSettings(seconds=10.0)).count
    score = match_events([one.peak for one in result.swallows], peaks(trial))
    assert (score.hits, score.extra, score.missed) == (3, 0, 0)
    for event, true in zip(result.swallows, trial.swallows, strict=True):
        assert event.onset == pytest.approx(true.onset, abs=0.35)
        assert event.end == pytest.approx(true.end, abs=0.6)
        assert event.onset <= event.peak <= event.end
        assert 0 < event.confidence <= 1
    assert result.verdict.valid
    assert result.verdict.suspect is False
    lift = torch.stack((result.lift.double(), trial.lift[: len(result.lift)]))
    assert float(torch.corrcoef(lift)[0, 1]) > 0.9


def test_frame_by_frame_is_the_same_as_all_at_once_and_soon_enough(trial):
    whole = count_video(trial.video, settings=CountSettings(seconds=10.0)).count
    engine = CountingEngine(trial.video.intrinsics, settings=CountSettings(seconds=10.0))
    announced: list[SwallowEvent] = []
    for frame, seconds in frames_of(trial.video):
        announced += engine.push(frame, seconds)
    result = engine.finish()
    assert [one.peak for one in result.swallows] == [one.peak for one in whole.swallows]
    assert torch.allclose(result.lift, whole.lift, atol=1e-2)
    assert len(announced) == 3
    for one, true in zip(announced, peaks(trial), strict=True):
        assert one.announced - one.peak <= 0.45
        assert one.announced - true <= 0.5
    assert [one.announced for one in result.swallows] == [one.announced for one in announced]


def test_what_was_announced_is_kept_withdrawn_or_added_later():
    """A network that says of peaks soon what it takes back, or the other way about, when it has seen more."""
    reader = WindowReader(load_model())
    decided = {"announced": [60, 120], "settled": [60, 180]}
    for name, places in decided.items():
        decisions = getattr(reader, name)
        decisions.logits = [0.0] * (400 if name == "announced" else 380)
        decisions.lift = [0.0] * len(decisions.logits)
        decisions._peaks = [(place, 0.9, place / 30 + (0.3 if name == "announced" else 1.6)) for place in places]
    reader._seconds += [place / 30 for place in range(400)]
    reader.announced._peaks.append((390, 0.9, 13.3))
    found = reader.swallows()
    assert [round(30 * one.peak) for one in found] == [60, 180, 390]  # 120 was withdrawn, 390 is not settled yet
    assert [one.announced for one in found] == pytest.approx([2.3, 7.6, 13.3])
    assert len(reader.lift) == 400


def test_a_misplaced_larynx_is_found_without_labels(trial):
    network = load_model().network
    table = trial_features(trial).table
    columns = network_input(table.change, table.weight, table.pose, table.shape)
    here = adapt_placement(network, columns)
    away = adapt_placement(network, shifted(columns, 3))
    assert abs(here.cells) <= 1
    assert away.cells <= -2
    assert away.millimetres == 4 * away.cells
    assert torch.equal(shifted(columns, 0), columns)
    assert adapt_placement(network, columns[:, :50]).cells == 0


def test_nothing_is_counted_in_a_neck_at_rest():
    base = with_pixels(preset("easy"), 64)
    still = replace(base, seconds=6.0, schedule=replace(base.schedule, count=0), confounders=ConfounderSettings())
    result = count_video(simulate_trial(still, 5).video, settings=CountSettings(seconds=6.0)).count
    assert result.verdict.count == 0
    assert result.verdict.suspect is True


def test_tests_that_cannot_be_judged_are_invalid(trial):
    short = count_video(trial.video).count
    assert not short.verdict.valid
    assert short.verdict.suspect is None
    assert "of a test of 30 s" in short.verdict.sentence()
    hand = trial.video.frames.clone()
    hand[20:, 20:44, 22:42] = torch.nan
    hidden = count_video(replace(trial.video, frames=hand), settings=CountSettings(seconds=10.0, least_fill=0.7)).count
    assert not hidden.verdict.valid
    assert any("of the neck's front" in problem for problem in hidden.verdict.problems)
    gone = trial.video.frames.clone()
    gone[120:200] = torch.nan
    lost = count_video(replace(trial.video, frames=gone), settings=CountSettings(seconds=10.0)).count
    assert any("lost" in problem for problem in lost.verdict.problems)


def test_verdicts_count_the_test_alone():
    events = [SwallowEvent(t - 0.3, t, t + 0.5, 15.0, 0.9, t + 0.4) for t in (1.0, 6.0, 12.0, 40.0)]
    assert verdict_of(events, (), CountSettings()).count == 3
    assert verdict_of(events, (), CountSettings(start=5.0)).suspect is True
    assert verdict_of(events, (), CountSettings(cutoff=4)).sentence() == "3 swallows, fewer than 4: suspect."
    assert verdict_of(events[:1], (), CountSettings()).sentence().startswith("1 swallow,")
    assert verdict_of(events, ("it was dark",), CountSettings()).sentence() == "Invalid test: it was dark."


def test_a_swallow_far_weaker_than_the_others_is_unsure():
    lifts = (15.0, 9.0, 16.0, 14.0, 10.5)
    events = [
        SwallowEvent(t - 0.3, t, t + 0.5, lift, 0.95, t + 0.4) for t, lift in zip((1.0, 6.0, 12.0, 18.0, 25.0), lifts, strict=True)
    ]
    marked = beside_each_other(events)
    assert [one.weak for one in marked] == [False, True, False, False, False]
    assert verdict_of(marked, (), CountSettings()).sentence() == "5 swallows (1 of them unsure), 3 or more: not suspect."
    assert not any(one.weak for one in beside_each_other(events[:2])), "two do not tell how far a larynx rises"
    assert replace(events[0], confidence=0.7).unsure


def test_settings_are_checked():
    for wrong in ({"start": -1.0}, {"seconds": 0.0}, {"cutoff": 0}, {"threshold": 1.0}, {"least_fill": 2.0}, {"largest_turn": 0.0}):
        with pytest.raises(ParameterError):
            CountSettings(**wrong)


def features(seconds, weight=1.0, shift=0.0, share=1.0):
    pose = torch.tensor([0.0, 0.0, 0.0, shift, 0.0, 0.0])
    return Features(seconds, torch.zeros(CELLS), torch.full((CELLS,), weight), pose, share, 1.0)


def test_quality_sees_fill_motion_and_loss():
    settings = CountSettings(seconds=2.0)
    some = [features(place / 30, weight=0.4, shift=place) for place in range(61)]
    quality = quality_of(some, Delivery(), settings)
    assert quality.fill == pytest.approx(0.4)
    assert quality.shift == pytest.approx(60)
    assert len(judge_test(quality, settings)) == 2
    lost = quality_of([features(place / 30, share=float(place > 30)) for place in range(61)], Delivery(), settings)
    assert lost.lost == pytest.approx(31 / 61)
    with pytest.raises(DataError, match="before the test begins"):
        quality_of(some, Delivery(), CountSettings(start=60.0))


# ------------------------------------------------------------------------------------------------------------------ decisions
def fed(logits, lift=None, threshold=0.5, timing=ANNOUNCING):
    """Decisions on a course of logits that every window agrees on."""
    decisions = Decisions(Calibration(threshold=threshold), timing, [place / 30 for place in range(len(logits))])
    table = torch.tensor(logits, dtype=torch.float32)
    moved = table.clamp(min=0) if lift is None else torch.tensor(lift, dtype=torch.float32)
    window = 120
    found = []
    for end in range(1, len(logits), 2):
        place = torch.arange(end - window + 1, end + 1).clamp(min=0)
        said = {"peak": table[place][None], "lift": moved[place][None], "kinds": torch.zeros(len(KINDS), window) - 9}
        found += decisions.look(end, said, end / 30)
    decisions.look(end, said, end / 30, last=True)
    return decisions, found


def bump(place, height=3.0, width=4.0, length=200):
    return [height * math.exp(-0.5 * ((frame - place) / width) ** 2) for frame in range(length)]


def test_peaks_are_found_once_and_in_time():
    course = [a + b - 2 for a, b in zip(bump(60), bump(130), strict=True)]
    decisions, found = fed(course)
    assert [round(30 * one.peak) for one in decisions.swallows()] == [60, 130]
    assert len(found) == 2
    assert all(one.announced - one.peak <= (ANNOUNCING.future + ANNOUNCING.fall + 2) / 30 for one in found)
    settled, _ = fed(course, timing=SETTLING)
    assert [round(30 * one.peak) for one in settled.swallows()] == [60, 130]


def test_double_swallows_are_two_and_are_called_so():
    course = [a + b - 2 for a, b in zip(bump(60), bump(95), strict=True)]
    swallows = fed(course)[0].swallows()
    assert [one.second for one in swallows] == [False, True]
    assert swallows[0].end <= swallows[1].peak


def test_low_peaks_and_ripples_are_none():
    assert fed([value - 4 for value in bump(60)])[0].swallows() == ()
    ripple = [value - 1.5 + 0.2 * (-1) ** place for place, value in enumerate(bump(60))]
    assert len(fed(ripple)[0].swallows()) == 1


def test_a_swallow_at_the_very_end_is_counted():
    assert len(fed([value - 2 for value in bump(190)])[0].swallows()) == 1


def test_other_events_are_stretches_of_their_class():
    decisions = Decisions(Calibration(), SETTLING, [place / 30 for place in range(90)])
    row = [0.0] * len(KINDS)
    decisions.kinds = [list(row) for _ in range(90)]
    for place in (*range(10, 30), *range(35, 40), 80):
        decisions.kinds[place][KINDS.index(Kind.COUGH)] = 0.9
    (event,) = decisions.others()
    assert event.kind is Kind.COUGH
    assert event.onset == pytest.approx(10 / 30)
    assert event.end == pytest.approx(39 / 30)


# -------------------------------------------------------------------------------------------------------------------- network
def test_network_sees_rest_as_rest_and_is_finite():
    model = load_model()
    said = model.say(torch.zeros(1, INPUTS, model.window))
    assert float(said["peak"].sigmoid().max()) < 0.2
    loud = model.say(1e3 * torch.randn(2, INPUTS, model.window, generator=torch.Generator().manual_seed(0)))
    assert all(bool(part.isfinite().all()) for part in loud.values())


def test_network_settings_are_checked():
    for wrong in ({"taps": 40}, {"taps": 121}, {"patterns": 0}):
        with pytest.raises(ParameterError):
            NetworkSettings(**wrong)


def test_holes_are_filled_from_around():
    change = torch.ones(3, CELLS)
    weight = torch.ones(3, CELLS)
    weight[:, 200:203] = 0
    change[:, 200:203] = 50.0
    rows = network_input(change, weight, torch.zeros(3, 6), torch.zeros(CELLS))
    assert rows.shape == (INPUTS, 3)
    assert float(rows[:CELLS].max()) < 1.05


def test_training_learns_saves_and_loads(trial, tmp_path):
    lessons = [replace(trial_features(trial), seed=seed) for seed in (0, 1)]
    small = NetworkSettings(patterns=3, swallow_atoms=2, other_atoms=2, taps=21, steps=2, hidden=8)
    assert first_patterns(lessons, 3).norm(dim=1).allclose(torch.ones(3))
    data = Windows([lesson_of(lessons[0])], 120, 8)
    example = data.draw([0, 1], 0)
    assert example.y.shape == (2, INPUTS, 120)
    assert not torch.equal(example.y, data.draw([0, 1], 1).y)
    assert torch.equal(example.y, data.draw([0, 1], 0).y)
    network = SwallowNetwork(small)
    before = [parameter.clone() for parameter in network.parameters()]
    objective = SwallowObjective()

    def emit(y):
        return type("Emission", (), {"components": network(y)})()

    loss = objective.losses(emit, example, torch.Generator()).mean()
    loss.backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert len(before) == len(list(network.parameters()))
    model = calibrate(network.eval(), lessons[:1], Description(kind=""))
    write_model(tmp_path / "m", model)
    again = load_model(tmp_path / "m")
    assert (again.calibration, again.announcing) == (model.calibration, model.announcing)
    y = example.y[:1]
    assert torch.equal(again.say(y)["peak"], network(y)["peak"].detach())
    assert 0 <= model.description.metrics["f1"] <= 1
    assert 0 <= model.description.metrics["f1_announced"] <= 1


@pytest.mark.slow
def test_a_training_run_lowers_the_loss(trial):
    lessons = [replace(trial_features(trial), seed=seed) for seed in (0, 1)]
    small = NetworkSettings(patterns=3, swallow_atoms=2, other_atoms=2, taps=21, steps=2, hidden=8)
    _, history = train_network(lessons, TrainingPlan(trials=2, epochs=2), small)
    assert history.epochs[-1].loss < history.epochs[0].loss


def test_plans_keep_benchmark_seeds_apart():
    with pytest.raises(ParameterError):
        TrainingPlan(trials=1)
    with pytest.raises(ParameterError):
        TrainingPlan(trials=100_000)


def test_models_that_are_none_are_refused(tmp_path):
    with pytest.raises(InputFileError):
        load_model(tmp_path)


def test_targets_follow_the_truth():
    seconds = torch.arange(90, dtype=torch.float64) / 30
    events = [TrueEvent(Kind.SWALLOW, 0.5, 1.0, 1.5, 15.0), TrueEvent(Kind.ABORTED, 2.0, 2.3, 2.6, 6.0)]
    peak, kinds = targets(events, seconds)
    assert int(peak[0].argmax()) == 30
    assert float(peak[0, 60:].max()) < 1e-6
    assert int(kinds[KINDS.index(Kind.ABORTED)].sum()) == pytest.approx(19, abs=1)
    weights = frame_weights(120)
    assert float(weights[:20].sum()) == 0
    assert float(weights[120 - 1 - ANNOUNCING.future]) == float(weights.max())
    assert float(weights[120 - 1 - SETTLING.future]) > 0


# -------------------------------------------------------------------------------------------------------------------- scoring
def test_matching_is_one_to_one_and_agreement_is_known():
    assert match_events([1.0, 1.1, 5.0], [1.05, 9.0]) == EventScore(1, 2, 1)
    assert match_events([], [1.0]).f1 == 0
    assert match_events([], []).f1 == 1
    assert match_events([1.4, 1.9], [1.0, 1.5]).hits == 2  # the nearest alone would leave one over
    assert cohen_kappa([True, False, True, False], [True, False, True, False]) == 1
    assert cohen_kappa([True, True, False, False], [True, False, True, False]) == 0
    assert cohen_kappa([True], [True]) == 1


# ---------------------------------------------------------------------------------------------------------------------- files
def test_results_hold_what_was_found_and_no_name(recording, tmp_path):
    result = count_file(recording, tmp_path / "out", CountSettings(seconds=10.0))
    folder = tmp_path / "out"
    names = {file.name for file in folder.iterdir()}
    assert names == {"events.csv", "waveform.csv", "waveform.png", "summary.json", "report.html", "report.pdf"}
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["swallows_in_test"] == 3 == result.count.verdict.count
    assert (folder / "events.csv").read_text().count("swallow,1,1") == 3
    assert len((folder / "waveform.csv").read_text().splitlines()) > 280
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF")
    for file in folder.iterdir():
        assert b"Yamada" not in file.read_bytes()
    with pytest.raises(ParameterError, match="--overwrite"):
        count_file(recording, tmp_path / "out")


def test_depth_is_kept_on_request_only_and_only_of_the_neck(recording, tmp_path):
    count_file(recording, tmp_path / "out", CountSettings(seconds=10.0), report=False, store_depth=True)
    neck = read_depth(tmp_path / "out" / "neck.npz")
    assert neck.frames.shape[0] == 300
    count_file(recording, tmp_path / "out", CountSettings(seconds=10.0), report=False, overwrite=True)
    assert not (tmp_path / "out" / "neck.npz").exists()


def test_a_batch_goes_on_and_says_what_failed(recording, tmp_path):
    (tmp_path / "broken.npz").write_bytes(b"no archive")
    wall = DepthVideo(torch.ones(20, 480, 640), torch.arange(20, dtype=torch.float64) / 30)
    write_depth(tmp_path / "wall.npz", wall)
    paths = [tmp_path / "broken.npz", recording, tmp_path / "wall.npz"]
    batch = count_many(paths, tmp_path / "out", CountSettings(seconds=10.0), report=False)
    assert [one["name"] for one in batch.summaries] == ["test-002"]
    assert [one.name for one in batch.failures] == ["test-001", "test-003"]
    assert "broken" not in batch.failures[0].message
    assert "--focal" in batch.failures[1].message
    assert (tmp_path / "out" / "summary.csv").read_text().count("failed") == 2
    again = count_many(paths[2:], tmp_path / "more", reading=ReadingSettings(focal=600.0), report=False)
    assert "no neck" in again.failures[0].message


def test_the_command_line_counts(recording, tmp_path):
    runner = CliRunner()
    done = runner.invoke(app, ["swallow", "count", str(recording), "-o", str(tmp_path / "o"), "--seconds", "10", "--no-report"])
    assert done.exit_code == 0, done.output
    assert "test-001" in done.output
    assert "diagnosis" in done.output
    missing = runner.invoke(app, ["swallow", "count", str(tmp_path / "none.npz"), "-o", str(tmp_path / "p")])
    assert missing.exit_code == 2


# ----------------------------------------------------------------------------------------------------------------------- live
def test_a_live_test_counts_down_and_ends(trial):
    test = LiveTest(trial.video.intrinsics, settings=CountSettings(seconds=6.0), countdown=1.0)
    states = list(test.run(frames_of(trial.video)))
    phases = list(dict.fromkeys(state.phase for state in states))
    assert phases == [Phase.SEARCH, Phase.COUNTDOWN, Phase.TEST, Phase.DONE]
    assert states[-1].count == test.result().verdict.count
    assert test.result().settings.start == pytest.approx(15 / 30 + 1.0, abs=0.1)
    assert states[-1].distance == pytest.approx(trial.distance_mm, abs=20)


def test_frames_that_come_too_soon_are_lost_and_errors_arrive(trial):
    def frames():
        yield from ((frame, place / 1000) for place, (frame, _) in enumerate(frames_of(trial.video)))
        message = "the cable"
        raise DataError(message)

    paced, taken = Paced(frames(), speed=1e9), []

    def take_slowly():
        for frame in paced:
            taken.append(frame)
            if len(taken) == 1:
                torch.linalg.svd(torch.randn(500, 500))

    with pytest.raises(DataError, match="the cable"):
        take_slowly()
    assert len(taken) + paced.dropped == len(trial.video.frames)
    assert sum(1 for _ in Paced(frames_of(trial.video), speed=1e9, patient=True)) == 300


def test_the_terminal_shows_a_waveform():
    rows = waveform_rows(tuple(20 * math.sin(place / 20) for place in range(400)))
    assert len(rows) == 6
    assert {len(row) for row in rows} == {82}
    assert any("█" in row for row in rows)
    assert waveform_rows(()) == [" " * 82] * 6


def test_the_count_is_shown_big():
    rows = big_number(10)
    assert len(rows) == 5
    assert {len(row) for row in rows} == {14}
    assert rows[0] != rows[1]
    assert len({tuple(big_number(digit)) for digit in range(10)}) == 10


def test_live_replays_a_recording(recording, tmp_path):
    arguments = ["swallow", "live", "--replay", str(recording), "--countdown", "0", "--seconds", "1", "--no-beep"]
    done = CliRunner().invoke(app, [*arguments, "-o", str(tmp_path / "live")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "live" / "test-001" / "report.pdf").exists()
