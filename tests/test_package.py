"""The package as a whole: what importing it costs, and that the examples in its documentation are true."""

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import foreknow

APPLICATION_LIBRARIES = {
    "soundfile",
    "soxr",
    "scipy",
    "matplotlib",
    "jinja2",
    "typer",
    "rich",
    "skimage",
    "monai",
    "pydicom",
    "tifffile",
}
MODULES = [info.name for info in pkgutil.walk_packages(foreknow.__path__, "foreknow.")]


def test_importing_foreknow_imports_no_application_library():
    code = "import sys, foreknow; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    imported = set(done.stdout.split())
    assert not imported & APPLICATION_LIBRARIES
    assert "torch" in imported


def test_importing_foreknow_imports_no_room_of_applications():
    code = "import sys, foreknow; print(*(name for name in sys.modules if name.startswith('foreknow.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    rooms = {name.split(".")[1] for name in done.stdout.split()}
    assert not rooms & {"lung", "files", "report", "cli"}
    assert {"operators", "priors", "solve", "model"} <= rooms


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_the_documentation_are_true(name):
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


def test_public_names_exist():
    assert all(hasattr(foreknow, name) for name in foreknow.__all__)


def test_the_first_example_of_the_readme_runs():
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert code is not None
    names: dict[str, object] = {}
    exec(compile(code.group(1), "README.md", "exec"), names)  # noqa: S102
    assert names["solution"].converged
    assert names["moving"].shape == names["video"].shape
