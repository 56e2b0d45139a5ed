"""The examples run, small, to the end; and again after an interruption."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "examples"


@pytest.mark.slow
def test_background_subtraction(tmp_path):
    pytest.importorskip("monai")
    pytest.importorskip("onnxscript")
    command = [sys.executable, str(FOLDER / "background_subtraction.py"), "-o", str(tmp_path)]
    small = ["--size", "40", "--frames", "16", "--epochs", "1"]
    for _ in range(2):  # the second time it finds the run at its end
        done = subprocess.run([*command, *small], capture_output=True, text=True, check=False)  # noqa: S603
        assert done.returncode == 0, done.stderr[-2000:]
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert set(scores) == {"another day", "another zoom", "camera moved"}
    assert scores["camera moved"]["subspace of the first film"] < scores["another day"]["subspace of the first film"]
    assert (tmp_path / "network.onnx").stat().st_size > 10_000
    assert (tmp_path / "model" / "weights.safetensors").is_file()
    assert "gap to the optimum" in (tmp_path / "report.html").read_text()
