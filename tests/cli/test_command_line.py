"""The command line: what it says, where, and with which exit code."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from foreknow.cli import extras
from foreknow.cli.app import app
from foreknow.errors import ForeknowError
from foreknow.lung import batch, demonstration, task
from foreknow.lung.simulate import SimulationSettings
from foreknow.lung.simulation_files import simulate_to_folder


def run(*arguments):
    return CliRunner().invoke(
        app, [str(argument) for argument in arguments], prog_name="foreknow", env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"}
    )


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A folder with two recordings of a few seconds."""
    folder = tmp_path_factory.mktemp("recordings")
    for seed in range(2):
        simulate_to_folder(folder / "simulated", SimulationSettings(seconds=3.0, rate=4000), seed, overwrite=True)
        (folder / "simulated" / "recording.wav").rename(folder / f"rec{seed}.wav")
    for file in (folder / "simulated").iterdir():
        file.unlink()
    (folder / "simulated").rmdir()
    return folder


def sentence(result):
    """The one line on stderr."""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("foreknow: ")
    assert "Traceback" not in result.output
    return lines[0]


# -------------------------------------------------------------------------------------------------------------------- help
@pytest.mark.parametrize(
    ("command", "words"),
    [
        ((), ["lung", "demo", "info", "not a", "--debug"]),
        (("lung",), ["separate", "simulate"]),
        (("lung", "separate"), ["--output", "--overwrite", "--resume", "--channel", "--jobs", "--device", "--seed", "not a"]),
        (("lung", "simulate"), ["--duration", "--rate", "--fine", "--coarse", "--level-db", "--seed"]),
        (("demo",), ["--output", "--overwrite", "--duration"]),
        (("info",), ["versions"]),
    ],
)
def test_help_of_every_command(command, words):
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert all(word in result.output for word in words)


def test_without_a_command_there_is_help():
    for command in ((), ("lung",)):
        result = run(*command)
        assert result.exit_code in {0, 2}
        assert "Usage: foreknow" in result.output


@pytest.mark.parametrize(
    "arguments", [["lung", "separate"], ["lung", "separate", "a.wav"], ["nonsense"], ["demo", "--seed", "x", "-o", "a"]]
)
def test_bad_usage_ends_with_2(arguments):
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_the_command_line_loads_no_application_before_it_is_needed():
    heavy = "{'soundfile', 'soxr', 'matplotlib', 'scipy', 'jinja2', 'foreknow.lung', 'foreknow.files', 'foreknow.report'}"
    code = f"import sys, foreknow.cli; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "[]"


# ---------------------------------------------------------------------------------------------------------------- separate
def test_a_folder_is_separated(tmp_path, recordings):
    result = run("lung", "separate", recordings, "-o", tmp_path / "out", "--no-report")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert "rec0" in result.stdout
    assert "rec1" in result.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"rec0", "rec1", "summary.csv"}
    summary = json.loads((tmp_path / "out" / "rec0" / "summary.json").read_text())
    assert summary["recording"] == "rec0.wav"


def test_results_exist(tmp_path, recordings):
    arguments = ("lung", "separate", recordings / "rec0.wav", "-o", tmp_path, "--no-report")
    assert run(*arguments).exit_code == 0
    before = (tmp_path / "rec0" / "summary.json").stat().st_mtime_ns
    result = run(*arguments)
    assert result.exit_code == 2
    assert "rec0 holds results already; add --overwrite" in sentence(result)
    assert (tmp_path / "rec0" / "summary.json").stat().st_mtime_ns == before
    assert run(*arguments, "--overwrite").exit_code == 0
    assert (tmp_path / "rec0" / "summary.json").stat().st_mtime_ns > before
    result = run(*arguments, "--resume")
    assert result.exit_code == 0
    assert "1 recordings were done already" in result.stdout


def test_one_bad_recording_among_good_ones_ends_with_2_and_the_good_ones_are_done(tmp_path, recordings):
    (tmp_path / "bad.wav").write_text("this is text")
    result = run("lung", "separate", tmp_path / "bad.wav", recordings / "rec0.wav", "-o", tmp_path / "out", "--no-report")
    assert result.exit_code == 2
    assert "bad.wav holds text, not sound" in sentence(result)
    assert (tmp_path / "out" / "rec0" / "summary.json").exists()
    assert "failed" in (tmp_path / "out" / "summary.csv").read_text()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.wav", b"", "is empty"),
        ("a.wav", b"no sound, but a long text" * 9, "holds text"),
        ("a.m4a", b"\x00\x00\x00\x20ftypM4A " * 9, "convert it first"),
        ("new\nline\x1b[31m.wav", b"", "new\\nline\\x1b[31m.wav is empty"),
        ("[bold]a.wav", b"", "[bold]a.wav is empty"),
    ],
)
def test_bad_files_end_with_2_and_one_sentence(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    result = run("lung", "separate", tmp_path / name, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert words in sentence(result)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.wav"], "does not exist"),
        (["."], "has no recordings in it"),
        (["a.wav", "--device", "warp"], "there is no device 'warp'"),
        (["a.wav", "--channel", "left"], "a channel is 'auto', 'mean' or a number"),
        (["a.wav", "--channel", "3"], "choose one from 1 to 1"),
    ],
)
def test_what_was_asked_cannot_be_done(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    if "a.wav" in arguments:
        soundfile.write("a.wav", np.zeros(8000), 8000)
    result = run("lung", "separate", *arguments, "-o", "out")
    assert result.exit_code == 2
    assert words in sentence(result)


def test_hostile_names_are_printed_as_they_are(tmp_path):
    path = tmp_path / "[red]x[bold] \x1b[31m=cmd.wav"
    soundfile.write(path, np.zeros(4000), 4000)
    result = run("lung", "separate", path, "-o", tmp_path / "out", "--no-report")
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    assert "[red]x[bold] _[31m=cmd" in result.stdout


def test_results_cannot_be_written(tmp_path, recordings):
    (tmp_path / "file").touch()
    result = run("lung", "separate", recordings, "-o", tmp_path / "file" / "out")
    assert result.exit_code == 2
    assert "results cannot be written to" in sentence(result)


def test_a_full_disk_ends_with_1_and_one_sentence(tmp_path, recordings, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(task, "separate_file", full)
    result = run("lung", "separate", recordings / "rec0.wav", "-o", tmp_path)
    assert result.exit_code == 1
    assert "No space left on device" in sentence(result)


def test_an_interrupt_ends_with_130(tmp_path, recordings, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(batch, "run_tasks", interrupt)
    result = run("lung", "separate", recordings, "-o", tmp_path)
    assert result.exit_code == 130
    assert "interrupted" in sentence(result)


def test_a_fault_is_a_sentence_and_a_traceback_if_asked(tmp_path, monkeypatch):
    def fail(*_, **__):
        message = "a fault\nin two lines"
        raise TypeError(message)

    monkeypatch.setattr(demonstration, "demonstrate", fail)
    result = run("demo", "-o", tmp_path)
    assert result.exit_code == 1
    assert "fault of foreknow" in sentence(result)
    for arguments in (("--debug", "demo", "-o", tmp_path), ("demo", "-o", tmp_path, "--debug")):
        result = run(*arguments)
        assert result.exit_code == 1
        assert "Traceback" in result.stderr


def test_missing_libraries_are_said_before_any_work(tmp_path, recordings, monkeypatch):
    libraries = ["jinja2", "lightning-fabric", "matplotlib", "safetensors", "scipy", "soundfile", "soxr"]
    assert extras.libraries_of("lung") == libraries
    found = extras.find_spec
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name in {"soxr", "jinja2"} else found(name))
    result = run("lung", "separate", recordings, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "needs the libraries jinja2, soxr; install it with: pip install 'foreknow[lung]'" in sentence(result)
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "jinja2" else found(name))
    with pytest.raises(ForeknowError, match="the library jinja2"):
        extras.require_extra("lung")


# ---------------------------------------------------------------------------------------------------------- other commands
def test_simulate(tmp_path):
    arguments = (
        "lung",
        "simulate",
        "-o",
        tmp_path / "s",
        "--duration",
        4,
        "--rate",
        4000,
        "--fine",
        5,
        "--level-db",
        -5,
        20,
        "--seed",
        2,
    )
    result = run(*arguments)
    assert result.exit_code == 0
    names = {"recording.wav", "breath.wav", "crackles.wav", "events.csv", "labels.txt", "simulation.json"}
    assert {path.name for path in (tmp_path / "s").iterdir()} == names
    first = (tmp_path / "s" / "recording.wav").read_bytes()
    assert run(*arguments).exit_code == 2
    assert run(*arguments, "--overwrite").exit_code == 0
    assert (tmp_path / "s" / "recording.wav").read_bytes() == first


@pytest.mark.parametrize("arguments", [["--duration", 0], ["--rate", 100], ["--fine", -1], ["--level-db", 9, 1]])
def test_impossible_simulations(tmp_path, arguments):
    result = run("lung", "simulate", "-o", tmp_path / "s", *arguments)
    assert result.exit_code == 2
    assert sentence(result)
    assert not (tmp_path / "s").exists()


def test_demo(tmp_path):
    result = run("demo", "-o", tmp_path / "demo", "--duration", 6)
    assert result.exit_code == 0
    assert "F1" in result.stdout
    assert str(tmp_path / "demo" / "report.html") in result.stdout
    assert (tmp_path / "demo" / "report.html").exists()
    result = run("demo", "-o", tmp_path / "demo")
    assert result.exit_code == 2
    assert "--overwrite" in sentence(result)


def test_info():
    result = run("info")
    assert result.exit_code == 0
    for word in ("foreknow", "torch", "soundfile", "cpu", "issues"):
        assert word in result.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="signals to groups of processes are those of POSIX")
def test_a_real_interrupt_of_several_jobs_leaves_no_unfinished_files(tmp_path):
    for number in range(4):
        noise = 0.1 * np.random.default_rng(number).standard_normal(4000 * 600)
        soundfile.write(tmp_path / f"{number}.wav", noise.clip(-1, 1), 4000)
    heeded = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # shells start jobs in the background deaf
    script = f"{heeded}; import sys; from foreknow.cli import main; sys.argv[0] = 'foreknow'; main()"
    arguments = [
        sys.executable,
        "-c",
        script,
        "lung",
        "separate",
        str(tmp_path),
        "-o",
        str(tmp_path / "out"),
        "--jobs",
        "2",
        "--no-report",
    ]
    with subprocess.Popen(  # noqa: S603
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 60
        while not list((tmp_path / "out").glob(".*.part/*")) and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        try:
            _, stderr = process.communicate(timeout=60)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130, stderr
    assert "interrupted" in stderr
    assert not list((tmp_path / "out").glob(".*.part"))
