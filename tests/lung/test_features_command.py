"""``foreknow lung separate --wheezes`` and ``foreknow lung features``."""

import csv
import io

from typer.testing import CliRunner

from foreknow.cli.app import app
from foreknow.lung.simulate import WHEEZE, SimulationSettings
from foreknow.lung.simulation_files import simulate_to_folder


def test_from_recordings_to_a_table_of_features(tmp_path):
    simulate_to_folder(tmp_path / "simulated", SimulationSettings(seconds=5.0, rate=4000, continuous=(WHEEZE,)), seed=3)
    recording, out, table = tmp_path / "simulated" / "recording.wav", tmp_path / "out", tmp_path / "features.csv"
    runner = CliRunner()
    done = runner.invoke(app, ["lung", "separate", str(recording), "-o", str(out), "--wheezes", "--no-report"])
    assert done.exit_code == 0, done.output
    assert "wheezes" in done.output
    assert (out / "recording" / "wheezes.wav").exists()
    done = runner.invoke(app, ["lung", "features", str(out), "-o", str(table)])
    assert done.exit_code == 0, done.output
    (row,) = csv.DictReader(io.StringIO(table.read_text()))
    assert float(row["wheeze"]) >= 0
    assert row["poor"] == "False"


def test_features_of_nothing_are_refused_in_one_sentence(tmp_path):
    done = CliRunner().invoke(app, ["lung", "features", str(tmp_path), "-o", str(tmp_path / "f.csv")])
    assert done.exit_code == 2
    assert not (tmp_path / "f.csv").exists()
