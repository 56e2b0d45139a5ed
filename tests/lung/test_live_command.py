"""``foreknow lung live``: a line for each crackle, from a file or from raw samples, and sentences where that cannot be."""

import csv
import io
from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

from foreknow.cli.app import app
from foreknow.cli.lung_live import raw_chunks
from foreknow.files import Encoding, write_audio
from foreknow.lung.simulate import WHEEZE, SimulationSettings, simulate_recording


@pytest.fixture(scope="module")
def drawn():
    return simulate_recording(SimulationSettings(seconds=6.0, rate=4000), torch.Generator().manual_seed(3))


def run(*arguments, data=b""):
    done = CliRunner().invoke(app, ["lung", "live", *arguments], input=data)
    return done.exit_code, done.stdout, done.stderr


def test_a_recording_and_its_raw_samples_give_the_same_lines(drawn, tmp_path):
    stored = Encoding.PCM_16.quantise(drawn.recording)
    write_audio(tmp_path / "a.wav", stored, 4000, Encoding.PCM_16)
    code, lines, said = run(str(tmp_path / "a.wav"))
    assert code == 0
    assert "at most" in said
    header, *rows = lines.splitlines()
    assert header.startswith("peak_s,kind")
    times = [float(row.split(",")[0]) for row in rows]
    assert times == sorted(times)
    assert len(times) > 0.5 * len(drawn.events)
    raw = (stored * 2**15).to(torch.int16).numpy().astype("<i2").tobytes()
    assert run("-", data=raw + b"\x01")[:2] == (0, lines)


def test_wheezes_are_lines_of_their_own(tmp_path):
    kinds = (replace(WHEEZE, per_breath=1.0, level_db=(8.0, 14.0)),)
    settings = SimulationSettings(seconds=6.0, rate=4000, continuous=kinds)
    recording = simulate_recording(settings, torch.Generator().manual_seed(8)).recording
    write_audio(tmp_path / "a.wav", Encoding.PCM_16.quantise(recording), 4000, Encoding.PCM_16)
    code, lines, said = run(str(tmp_path / "a.wav"), "--wheezes")
    assert code == 0
    assert "after their end" in said
    rows = list(csv.DictReader(io.StringIO(lines)))
    kinds_found = [row["kind"] for row in rows]
    assert {"fine", "wheeze"} <= set(kinds_found)
    for row in rows:
        is_wheeze = row["kind"] in {"wheeze", "rhonchus"}
        assert bool(row["fundamental_hz"]) == is_wheeze
        assert bool(row["idw_ms"]) != is_wheeze
        assert not is_wheeze or float(row["end_s"]) > float(row["time_s"])


def test_chunks_of_raw_samples_are_full_scale_one():
    chunks = list(raw_chunks(io.BytesIO(b"\x00\x80\xff\x7f\x00\x00"), 4))
    assert torch.cat(chunks).tolist() == [-1.0, 32767 / 32768, 0.0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(["-", "--rate", "1000"], "4000 Hz or more"), (["nothing.wav"], "nothing.wav"), (["-", "--model", "none"], "none")],
)
def test_what_cannot_be_done_is_a_sentence(arguments, sentence):
    code, _, said = run(*arguments)
    assert code == 2
    assert sentence in said


def test_help_names_wheezes():
    assert "wheezes" in CliRunner().invoke(app, ["lung", "--help"]).output
