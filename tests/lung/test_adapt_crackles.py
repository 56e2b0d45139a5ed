"""The crackle network adapted to recordings without labels: what it learns from, what it keeps, what a user gets."""

import pytest
import torch
from typer.testing import CliRunner

from foreknow.cli.app import app
from foreknow.errors import DataError
from foreknow.files import InputFile, write_audio
from foreknow.learn import Example
from foreknow.learn.emission import Emitter
from foreknow.lung.crackle_model import load_crackle_network
from foreknow.lung.crackle_network import CrackleNetwork, CrackleNetworkSettings
from foreknow.lung.simulate import SimulationSettings, simulate_recording
from foreknow.lung.train import adapt_crackles
from foreknow.lung.train.crackle_error import CrackleError
from foreknow.lung.train.crackle_sparsity import CrackleSparsity, only_wavelets
from foreknow.lung.train.crackle_windows import CrackleWindows
from foreknow.lung.train.recorded_windows import read_windows


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    for seed in range(3):
        drawn = simulate_recording(SimulationSettings(seconds=8.3, rate=8000), torch.Generator().manual_seed(seed))
        write_audio(folder / f"{seed}.wav", drawn.recording, 8000)
    write_audio(folder / "short.wav", drawn.recording[:4000], 8000)
    return folder


def inputs(folder):
    return [InputFile(path, path.stem) for path in sorted(folder.iterdir())]


def test_windows_are_whitened_and_what_is_not_used_is_said(recordings):
    told = []
    windows = read_windows(inputs(recordings), progress=told.append)
    assert told == [1, 2, 3, 4]
    assert windows.used == 3
    assert [name for name, _ in windows.left_out] == ["short"]
    assert len(windows.training) + len(windows.validation) == 6
    assert windows.training.shape[1] == 16384
    level = windows.training.abs().median(dim=-1).values
    assert torch.allclose(level, torch.full_like(level, 0.67), rtol=0.15)
    with pytest.raises(DataError, match=r"at least 3 are needed: give more or longer recordings; short\.wav lasts"):
        read_windows([InputFile(recordings / "short.wav", "short")])


def test_simulated_windows_are_a_function_of_the_seed():
    (y, truth), (again, _) = (CrackleWindows(8192)(torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(y, again)
    assert y.shape == truth["crackles"].shape == (8192,)
    assert y.dtype == torch.float32


def test_the_error_is_zero_for_nothing_and_low_for_the_truth():
    truth = torch.zeros(2, 4096)
    truth[0, 2000:2020] = 5.0
    objective, example = CrackleError(), Example(truth, {"crackles": truth})
    nothing = objective.losses(Emitter(lambda y: {"crackles": torch.zeros_like(y)}), example, torch.Generator())
    right = objective.losses(Emitter(lambda y: {"crackles": y}), example, torch.Generator())
    assert torch.allclose(nothing, torch.zeros(2))
    assert right[0] < -10
    assert right[1] == 0


def test_sparsity_rewards_the_wavelet_that_the_recordings_are_made_of():
    """The recordings hold single db8 wavelets: started from there, the objective is lower than from another wavelet."""
    values = {}
    true = CrackleNetwork(CrackleNetworkSettings(wavelet="db8"))
    wavelet = true.wavelet_copy().on((4096,))
    generator = torch.Generator().manual_seed(0)
    coefficients = torch.zeros(4, 5, 4096, dtype=torch.float64)
    coefficients[:, 2, ::400] = 60.0
    y = wavelet.adjoint(coefficients) + torch.randn(4, 4096, generator=generator, dtype=torch.float64)
    for name in ("db8", "haar"):
        network = CrackleNetwork(CrackleNetworkSettings(wavelet=name, steps=(20,)))
        with torch.no_grad():
            values[name] = float(CrackleSparsity(true).losses(Emitter(network), Example(y), generator).mean())
    assert values["db8"] < values["haar"]
    only_wavelets(true)
    assert [name for name, p in true.named_parameters() if p.requires_grad] == [
        f"rounds.{round_}.layers.0.problem.operators.0.operator.filter_bank.free_angles" for round_ in (0, 1)
    ]


def test_the_command_adapts_shows_and_is_not_repeated_by_mistake(recordings, tmp_path, monkeypatch):
    monkeypatch.setattr(adapt_crackles, "_CHECK_SIZE", 4)
    arguments = ["lung", "train", str(recordings), "-o", str(tmp_path / "model"), "--epochs", "1", "--windows", "8"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "short is left out" in result.stderr
    before, after = load_crackle_network(), load_crackle_network(str(tmp_path / "model"))
    assert torch.equal(before.weights(), after.weights())
    page = (tmp_path / "model" / "crackles.html").read_text(encoding="utf-8")
    for words in ("Crackle template", "Daubechies", "recordings held out", "not a diagnosis"):
        assert words in page
    assert str(recordings) not in page
    refused = CliRunner().invoke(app, arguments)
    assert refused.exit_code == 2
    assert "--overwrite" in refused.stderr
    again = CliRunner().invoke(app, [*arguments, "--overwrite"])  # a run of its own, with the same result
    assert again.exit_code == 0, again.output
    finished = load_crackle_network(str(tmp_path / "model"))
    assert torch.equal(finished.wavelet_copy().filter_bank.angles, after.wavelet_copy().filter_bank.angles)


@pytest.mark.parametrize(
    ("arguments", "words"), [(["nowhere"], "does not exist"), (["--start", "nowhere"], "holds no saved model")]
)
def test_bad_input_is_one_sentence(recordings, tmp_path, arguments, words):
    given = arguments if arguments[0] != "--start" else [str(recordings), *arguments]
    result = CliRunner().invoke(app, ["lung", "train", *given, "-o", str(tmp_path / "model")])
    assert result.exit_code == 2
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
