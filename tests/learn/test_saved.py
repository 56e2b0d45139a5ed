"""Saved models: what comes back, and what is refused."""

import json
import os
from pathlib import Path

import pytest
import torch
from learn_problems import LENGTH, dense, sparse_model, spike_data, unrolled
from safetensors.torch import save_file
from torch import nn

from foreknow.errors import InputFileError
from foreknow.learn import Description, load_weights, read_description, save_model
from foreknow.learn.tensor_file import read_tensors, write_tensors

ABOUT = Description(
    kind="spikes",
    formula=str(sparse_model()),
    settings={"steps": 3, "weight": 0.7, "names": ["signal"]},
    training={"epochs": 4},
    data=spike_data().fingerprint(),
    metrics={"SDR": 12.5},
    purpose="Finds spikes; not for diagnosis.",
)


def test_a_saved_model_comes_back_bit_by_bit_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    network = unrolled(weight=0.7)
    save_model(tmp_path / "model", network, ABOUT)
    assert sorted(file.name for file in (tmp_path / "model").iterdir()) == ["card.md", "model.json", "weights.safetensors"]
    description = read_description(tmp_path / "model")
    assert description == ABOUT
    fresh = unrolled(steps=description.settings["steps"], weight=1.0)
    assert load_weights(tmp_path / "model", fresh, "spikes") == ABOUT
    y = spike_data().draw(range(3), 0).y
    assert torch.equal(fresh(y)["signal"], network(y)["signal"])
    card = (tmp_path / "model" / "card.md").read_text()
    for text in ("not for diagnosis", str(sparse_model()), "| SDR | 12.5 |", "| weight | 0.7 |", ABOUT.data):
        assert text in card


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_the_files_of_a_model_are_as_readable_as_other_files(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    save_model(tmp_path / "model", dense(), ABOUT)
    assert {file.stat().st_mode for file in (tmp_path / "model").iterdir()} == {plain.stat().st_mode}


def test_a_model_is_replaced_by_saving_again(tmp_path: Path) -> None:
    save_model(tmp_path, dense(seed=0), ABOUT)
    save_model(tmp_path, dense(seed=1), ABOUT)
    network = dense(seed=0)
    load_weights(tmp_path, network, "spikes")
    assert torch.equal(network[0].weight, dense(seed=1)[0].weight)
    with pytest.raises(ValueError, match="JSON"):
        save_model(tmp_path, dense(seed=2), Description(kind="spikes", metrics={"SDR": float("nan")}))
    load_weights(tmp_path, network, "spikes")
    assert len(list(tmp_path.iterdir())) == 3  # and no temporary file is left


def _refused(folder: Path, sentence: str, network: nn.Module | None = None, kind: str = "spikes") -> None:
    fresh = dense(seed=5) if network is None else network
    before = {name: tensor.clone() for name, tensor in fresh.state_dict().items()}
    with pytest.raises(InputFileError, match=sentence) as caught:
        load_weights(folder, fresh, kind)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(tensor, before[name]) for name, tensor in fresh.state_dict().items())


def test_models_that_do_not_fit_are_refused_and_change_nothing(tmp_path: Path) -> None:
    save_model(tmp_path, dense(), ABOUT)
    _refused(tmp_path, "of kind 'spikes', but one of kind 'lung'", kind="lung")
    _refused(
        tmp_path, "another network .it differs in '1.bias' and 3 more", nn.Sequential(nn.Linear(LENGTH, 16), nn.Linear(16, LENGTH))
    )
    wide = dense()
    wide[3] = nn.Linear(16, LENGTH + 1)
    _refused(tmp_path, r"'3.bias' is of shape \(24,\) .* needs \(25,\)", wide)
    _refused(tmp_path, "torch.float32, but the network needs .* torch.float64", dense().double())
    broken = dense()
    broken[0].weight.data[0, 0] = torch.nan
    save_model(tmp_path, broken, ABOUT)
    _refused(tmp_path, "'0.weight' has values that are NaN")


def test_damaged_and_hostile_folders_are_refused_in_one_sentence(tmp_path: Path) -> None:
    save_model(tmp_path, dense(), ABOUT)
    description, weights = tmp_path / "model.json", tmp_path / "weights.safetensors"
    text, whole = description.read_text(), weights.read_bytes()
    content = json.loads(text)

    def altered(**changes: object) -> str:
        return json.dumps({**content, **changes})

    for wrong, sentence in (
        (text[: len(text) // 2], "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("\udcff", "not JSON"),
        ("[]", "format None"),
        (altered(format=99), "format 99"),
        (altered(kind=["spikes"]), "kind"),
        (altered(settings="rm -rf"), "settings"),
        (altered(metrics={"SDR": "high"}), "metrics"),
        (json.dumps({name: value for name, value in content.items() if name != "weights_sha256"}), "weights_sha256"),
        (" " * (17 * 2**20), "too large"),
    ):
        description.write_bytes(wrong.encode("utf-8", "surrogateescape"))
        _refused(tmp_path, sentence)
    description.write_text(text)
    for damaged in (b"", whole[:-1], whole[:-1] + b"\x01", whole + b"\x00"):
        weights.write_bytes(damaged)
        _refused(tmp_path, "hash differs")
    weights.unlink()
    _refused(tmp_path, "is missing; copy the whole folder")
    description.unlink()
    _refused(tmp_path, "holds no saved model")
    _refused(tmp_path / "nowhere", "holds no saved model")


def test_a_pickle_or_a_foreign_file_is_never_opened_as_weights(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    torch.save({"0.weight": torch.zeros(2)}, path)
    with pytest.raises(InputFileError, match="missing or damaged"):
        read_tensors(path)
    save_file({"0.weight": torch.zeros(2)}, str(path))
    with pytest.raises(InputFileError, match="not written by foreknow"):
        read_tensors(path)
    save_file(
        {"0.weight": torch.zeros(2)}, str(path), metadata={"foreknow": json.dumps({"about": 1, "complex": ["0.weight", "x"]})}
    )
    with pytest.raises(InputFileError, match="not written by foreknow"):
        read_tensors(path)
    path.write_bytes((2**62).to_bytes(8, "little") + b"{}")  # a header that claims to be enormous
    with pytest.raises(InputFileError, match="missing or damaged"):
        read_tensors(path)


def test_tensors_of_all_kinds_come_back(tmp_path: Path) -> None:
    base = torch.randn(4, 6, dtype=torch.complex128, generator=torch.Generator().manual_seed(0))
    tensors = {
        "complex": base,
        "conjugate of a part": base.mH[::2],
        "shared": base.real,
        "number": torch.tensor(3.0, dtype=torch.float64),
        "empty": torch.zeros(0, 3),
        "half": torch.ones(2, dtype=torch.bfloat16),
        "mask": torch.tensor([True, False]),
        "index": torch.tensor([2**60]),
    }
    write_tensors(tmp_path / "deep" / "file", tensors, {"note": [1, "two"]})
    found, about = read_tensors(tmp_path / "deep" / "file")
    assert about == {"note": [1, "two"]}
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)
