"""Simulated smears as files and from the command line."""

import csv
import importlib.util
import json

import numpy as np
import pytest
import tifffile
import torch
from skimage.io import imread
from typer.testing import CliRunner

from foreknow.cli.app import app
from foreknow.cli.extras import require_extra
from foreknow.cytology.simulate import DeteriorationSettings, SmearSettings
from foreknow.cytology.simulation_files import simulate_to_folder
from foreknow.errors import ForeknowError, ParameterError

SMALL = SmearSettings(height=96, width=128, cells=4)
PARTS = ("cells.tif", "labels.tif", "nuclei.tif", "region.png", "amounts.tif", "background.tif")


def command(*arguments):
    return CliRunner().invoke(app, ["cytology", "simulate", *map(str, arguments)], prog_name="foreknow")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smears")
    return folder, simulate_to_folder(folder, SMALL, 5, images=2, worse=DeteriorationSettings())


def test_the_files_hold_the_smears(written):
    folder, smears = written
    expected = {"cells.csv", "overview.png", "simulation.json"}
    for number, smear in enumerate(smears):
        name = f"smear_{number:03}"
        expected |= {f"{name}.png", f"{name}_worse.png", *(f"{name}_{part}" for part in PARTS)}
        assert np.array_equal(imread(folder / f"{name}.png"), smear.image.numpy())
        assert np.array_equal(
            np.atleast_3d(tifffile.imread(folder / f"{name}_cells.tif")).reshape(smear.cells.shape), smear.cells.numpy()
        )
        assert np.array_equal(tifffile.imread(folder / f"{name}_labels.tif"), smear.labels.numpy())
        assert np.array_equal(imread(folder / f"{name}_region.png") > 0, smear.region.numpy())
        assert torch.equal(torch.as_tensor(tifffile.imread(folder / f"{name}_amounts.tif")), smear.amounts)
        assert imread(folder / f"{name}_worse.png").shape == (96, 128, 3)
    assert {path.name for path in folder.iterdir()} == expected
    rows = list(csv.DictReader((folder / "cells.csv").read_text().splitlines()))
    assert len(rows) == sum(len(smear.measurements) for smear in smears)
    assert float(rows[0]["area_um2"]) == pytest.approx(smears[0].measurements[0].area_um2, abs=1e-3)
    content = json.loads((folder / "simulation.json").read_text())
    assert content["seed"] == 5
    assert len(content["images"][1]["stain_vectors"]) == 4


def test_the_pixel_size_is_in_the_files(written):
    folder, _ = written
    with tifffile.TiffFile(folder / "smear_000_labels.tif") as file:
        numerator, denominator = file.pages[0].tags["XResolution"].value
        assert numerator / denominator == pytest.approx(20_000)  # half a micrometre, per centimetre


def test_equal_seeds_give_equal_files(tmp_path, written):
    folder, _ = written
    simulate_to_folder(tmp_path, SMALL, 5, images=2, worse=DeteriorationSettings())
    for path in sorted(folder.iterdir()):
        if path.name != "overview.png":
            assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_an_earlier_simulation_is_kept(written):
    folder, _ = written
    with pytest.raises(ParameterError, match="add --overwrite"):
        simulate_to_folder(folder, SMALL, 6)


def test_the_command(tmp_path):
    arguments = ("-o", tmp_path / "out", "--images", 1, "--size", 96, 128, "--cells", 4, "--grey", "--deteriorate")
    result = command(*arguments)
    assert result.exit_code == 0, result.output
    assert "1 images of 96 x 128" in result.stdout
    assert imread(tmp_path / "out" / "smear_000.png").shape == (96, 128)
    assert imread(tmp_path / "out" / "smear_000_worse.png").shape == (96, 128)
    (tmp_path / "real").mkdir()
    (tmp_path / "out" / "smear_000.png").rename(tmp_path / "real" / "a.png")
    compared = command("-o", tmp_path / "other", "--images", 1, "--size", 96, 128, "--cells", 4, "--compare", tmp_path / "real")
    assert compared.exit_code == 0, compared.output
    assert (tmp_path / "other" / "comparison.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "8", "8"], "64 to 4096 pixels"),
        (["--images", "0"], "at least one image"),
        (["--clumping", "2"], "within 0 and 1"),
        (["--compare", "nowhere"], "has no images to compare with"),
    ],
)
def test_bad_input_ends_with_2_and_one_sentence(tmp_path, arguments, words):
    result = command("-o", tmp_path / "out", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_libraries_are_looked_for_by_the_name_they_are_imported_by(monkeypatch):
    require_extra("cytology")
    require_extra("angiography")
    present = importlib.util.find_spec
    monkeypatch.setattr("foreknow.cli.extras.find_spec", lambda name: None if name == "skimage" else present(name))
    with pytest.raises(ForeknowError, match="needs the library scikit-image; install it with: pip install 'foreknow"):
        require_extra("cytology")
