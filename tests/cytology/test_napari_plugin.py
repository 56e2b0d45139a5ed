"""The plugin of napari without a display: its manifest and the layers that it hands over."""

from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foreknow.cytology.batch import DetectOptions, detect_file
from foreknow.cytology.napari import find_cells_layers, read_results, reader_of
from foreknow.cytology.simulate import SmearSettings, simulate_smear

SMEAR = simulate_smear(SmearSettings(height=128, width=160, cells=3), 5).image.numpy()


def test_manifest_is_valid_and_its_commands_can_be_imported():
    npe2 = pytest.importorskip("npe2", reason="npe2 comes with napari")
    with resources.as_file(resources.files("foreknow.cytology.napari") / "napari.yaml") as path:
        manifest = npe2.PluginManifest.from_file(path)
    assert manifest.name == "foreknow"
    for command in manifest.contributions.commands:
        module, name = command.python_name.split(":")
        assert callable(getattr(__import__(module, fromlist=[name]), name))


def test_layers_of_an_image():
    alone, cells, nuclei = find_cells_layers(SMEAR, 0.5)
    assert [layer[2] for layer in (alone, cells, nuclei)] == ["image", "labels", "labels"]
    assert cells[0].shape == nuclei[0].shape == SMEAR.shape[:2]
    features = cells[1]["features"]
    assert features["index"] == [0, *np.unique(cells[0])[1:].tolist()]
    assert {len(column) for column in features.values()} == {len(features["index"])}
    assert cells[1]["scale"] == (0.5, 0.5)


def test_results_are_read_back(tmp_path: Path):
    Image.fromarray(SMEAR).save(tmp_path / "field.png")
    detect_file(tmp_path / "field.png", tmp_path / "out", DetectOptions(report=False))
    assert reader_of(str(tmp_path)) is None
    reader = reader_of(str(tmp_path / "out"))
    assert reader is read_results
    cells, nuclei = reader(str(tmp_path / "out"))
    assert cells[1]["features"]["index"] == [0, *np.unique(cells[0])[1:].tolist()]
    assert nuclei[0].shape == SMEAR.shape[:2]
