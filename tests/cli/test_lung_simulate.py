import pytest
from typer.testing import CliRunner

from foreknow.cli.app import app


def simulate(folder, *arguments):
    words = ("lung", "simulate", "-o", folder, "--duration", 5, "--rate", 4000, *arguments)
    return CliRunner().invoke(app, [str(word) for word in words])


def test_wheezes_and_nuisance_are_parts_of_their_own(tmp_path):
    result = simulate(tmp_path / "a", "--wheeze", 1, "--rhonchus", 1, "--stridor", 1, "--clicks", 20, "--hum", 50, "--voice", 10)
    assert result.exit_code == 0, result.output
    assert "continuous sounds" in result.stdout
    names = {path.name for path in (tmp_path / "a").iterdir()}
    assert {"wheezes.wav", "nuisance.wav", "fundamentals.csv", "recording.wav", "breath.wav", "crackles.wav"} <= names


def test_a_real_recording_is_taken_after_and_shown_beside(tmp_path):
    assert simulate(tmp_path / "real", "--seed", 4).exit_code == 0
    real = tmp_path / "real" / "recording.wav"
    result = simulate(tmp_path / "a", "--like", real, "--compare", real)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "a" / "comparison.png").stat().st_size > 10_000
    assert simulate(tmp_path / "a", "--overwrite").exit_code == 0
    assert not (tmp_path / "a" / "comparison.png").exists()


@pytest.mark.parametrize(
    "arguments",
    [("--wheeze", -1), ("--polyphonic", 3, "--wheeze", 1), ("--clicks", -2), ("--like", "no.wav"), ("--compare", "no.wav")],
)
def test_impossible_sounds(tmp_path, arguments):
    result = simulate(tmp_path / "a", *arguments)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "a").exists()
