import csv
import json

import pytest
import torch
from typer.testing import CliRunner

from foreknow.cli.app import app
from foreknow.files import read_events_csv
from foreknow.files.depth import inspect_depth, read_depth, write_depth
from foreknow.swallow.simulation_files import Form

SMALL = ("--duration", 5, "--rate", 20, "--size", 40, "--seed", 2)


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def sentence(result):
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("foreknow: ")
    return lines[0]


def simulate(folder, *arguments):
    return run("swallow", "simulate", "-o", folder, *SMALL, *arguments)


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("form", list(Form))
def test_simulate_writes_frames_and_truth(tmp_path, form):
    result = simulate(tmp_path / "a", "--count", 1, "--format", form.value, "--preset", "hard")
    assert result.exit_code == 0, result.output
    assert "1 swallows" in result.stdout
    names = {form.file, "events.csv", "truth.csv", "simulation.json", "overview.png"}
    assert {path.name for path in (tmp_path / "a").iterdir()} == names
    video = read_depth(tmp_path / "a" / form.file)
    assert video.warnings == ()
    assert video.intrinsics is not None
    assert video.frames.shape[1:] == (40, 40)
    events = read_events_csv(tmp_path / "a" / "events.csv").events
    assert [event.kind for event in events].count("swallow") == 1
    rows = list(csv.DictReader((tmp_path / "a" / "truth.csv").read_text().splitlines()))
    assert len(rows) == len(video.frames)
    lift = torch.tensor([float(row["lift_mm"]) for row in rows])
    swallow = next(event for event in events if event.kind == "swallow")
    assert float(lift.max()) == pytest.approx(swallow.features["amplitude"], rel=0.02)
    facts = json.loads((tmp_path / "a" / "simulation.json").read_text())
    assert facts["swallows"] == 1
    assert facts["repeated"] == list(inspect_depth(video).repeated)
    first = contents(tmp_path / "a")
    assert simulate(tmp_path / "a", "--count", 1, "--format", form.value, "--preset", "hard").exit_code == 2
    assert simulate(tmp_path / "a", "--count", 1, "--format", form.value, "--preset", "hard", "--overwrite").exit_code == 0
    assert contents(tmp_path / "a") == first


def test_another_format_leaves_no_stale_frames(tmp_path):
    assert simulate(tmp_path / "a", "--format", "png", "--count", 0).exit_code == 0
    assert simulate(tmp_path / "a", "--format", "h5", "--count", 0, "--overwrite").exit_code == 0
    assert not (tmp_path / "a" / "depth").exists()
    assert (tmp_path / "a" / "depth.h5").exists()


def test_real_frames_are_taken_after_and_shown_beside(tmp_path):
    from foreknow.swallow.simulate import NoiseSettings, ScheduleSettings, TrialSettings, simulate_trial

    noise = NoiseSettings(0.7, correlation_px=1.5, common_mm=0.0, drift_mm=0.0, step_mm=0.1, standing=0.0)
    camera = simulate_trial(TrialSettings(seconds=1.0, noise=noise, schedule=ScheduleSettings(count=0)), 1)
    write_depth(tmp_path / "real.npz", camera.video)
    result = simulate(tmp_path / "a", "--like", tmp_path / "real.npz", "--compare", tmp_path / "real.npz", "--count", 0)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "a" / "comparison.png").stat().st_size > 10_000
    used = json.loads((tmp_path / "a" / "simulation.json").read_text())["settings"]["noise"]
    assert used["step_mm"] == pytest.approx(0.1, rel=0.01)
    assert used["correlation_px"] == pytest.approx(1.5, rel=0.2)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--preset", "simple"), "easy, normal, hard"),
        (("--format", "mp4"), "png, npz, h5"),
        (("--camera", "zed"), "d435"),
        (("--only", "sneeze"), "cough"),
        (("--count", 40), "do not fit"),
        (("--count", -1), "number of swallows"),
        (("--duration", 0), "hour"),
        (("--size", 1), "8 pixels"),
        (("--noise", -1), "noise"),
        (("--prominence", -1), "prominence_mm"),
        (("--like", "nothing.npz"), "does not exist"),
        (("--device", "abacus"), "abacus"),
    ],
)
def test_impossible_simulations(tmp_path, arguments, word):
    result = simulate(tmp_path / "a", *arguments)
    assert result.exit_code == 2
    assert word in sentence(result)
    assert not (tmp_path / "a").exists()


def test_clips_of_one_confounder(tmp_path):
    result = simulate(tmp_path / "a", "--only", "chewing", "--camera", "d405", "--noise", 0.2, "--prominence", 2)
    assert result.exit_code == 0
    assert "0 swallows" in result.stdout
