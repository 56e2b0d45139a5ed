"""Saved models that are loaded as networks: built from what they say of themselves, or refused in one sentence."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from foreknow.errors import ForeknowError, InputFileError
from foreknow.learn import Description, load_model, save_model

KIND = "a layer"


def build(settings: Mapping[str, Any]) -> nn.Linear:
    return nn.Linear(int(settings["inputs"]), 2)


def saved(folder: Path, settings: Mapping[str, Any]) -> nn.Linear:
    network = nn.Linear(3, 2)
    save_model(folder, network, Description(kind=KIND, settings=settings))
    return network


def test_a_model_is_loaded_ready_for_use(tmp_path: Path) -> None:
    network = saved(tmp_path, {"inputs": 3})
    loaded, description = load_model(tmp_path, KIND, build, "this test")
    assert torch.equal(loaded.weight, network.weight)
    assert not loaded.training
    assert loaded.weight.requires_grad
    assert description.settings == {"inputs": 3}


@pytest.mark.parametrize("settings", [{}, {"inputs": None}, {"inputs": "many"}, {"inputs": -1}, {"inputs": 4}])
def test_settings_of_another_network_are_refused(tmp_path: Path, settings: Mapping[str, Any]) -> None:
    saved(tmp_path, settings)
    with pytest.raises(InputFileError, match=r"this test wrote|belongs to another|is of shape"):
        load_model(tmp_path, KIND, build, "this test")


def test_a_model_of_another_kind_is_refused_before_it_is_built(tmp_path: Path) -> None:
    saved(tmp_path, {"inputs": 3})

    def never(_: Mapping[str, Any]) -> nn.Linear:
        raise AssertionError

    with pytest.raises(InputFileError, match="'another'"):
        load_model(tmp_path, "another", never, "this test")


def test_a_missing_library_is_told_as_it_is(tmp_path: Path) -> None:
    saved(tmp_path, {"inputs": 3})

    def lacks(_: Mapping[str, Any]) -> nn.Linear:
        message = "install it"
        raise ForeknowError(message)

    with pytest.raises(ForeknowError, match="install it"):
        load_model(tmp_path, KIND, lacks, "this test")
