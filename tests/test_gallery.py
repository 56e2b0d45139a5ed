"""Every script of the gallery runs from nothing to a figure that shows something."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FOLDER = Path(__file__).parents[1] / "examples" / "gallery"
SCRIPTS = sorted(FOLDER.rglob("*.py"))


def test_there_is_a_gallery():
    assert len(SCRIPTS) >= 10
    assert len({script.stem for script in SCRIPTS}) == len(SCRIPTS)  # each is a page, and a file name, of its own


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_says_what_it_shows(script):
    title, _, text = (ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or "").partition("\n")
    assert title.endswith(".")
    assert len(text.split()) > 20


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_ends_in_a_figure(script, tmp_path):
    figure = tmp_path / "figure.png"
    environment = {**os.environ, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), str(figure)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)  # noqa: S603
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Warning" not in done.stderr, done.stderr[-2000:]
    assert done.stdout.strip()
    with Image.open(figure) as picture:
        values = np.asarray(picture.convert("L"), dtype=float)
    assert min(values.shape) > 200
    assert values.std() > 10  # not an empty page
