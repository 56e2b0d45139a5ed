"""The network of glass: what it emits, how it learns without labels, how it is kept."""

import pickle
from pathlib import Path

import pytest
import torch
from PIL import Image

from foreknow.cytology import DetectSettings, detect
from foreknow.cytology.density import optical_density_of
from foreknow.cytology.light import SmoothLight
from foreknow.cytology.light_fit import fit_light
from foreknow.cytology.network.find import NetworkBackground, network_finder
from foreknow.cytology.network.glass_network import GlassNetwork
from foreknow.cytology.network.objective import InjectedBackground
from foreknow.cytology.network.saved import load_network, save_network
from foreknow.cytology.network.simulated import simulated_field
from foreknow.cytology.network.train import FitNumbers, fit_on_images, train
from foreknow.cytology.network.views import FieldViews
from foreknow.cytology.simulate import SmearSettings, simulate_smear
from foreknow.errors import DataError, InputFileError, ParameterError
from foreknow.learn import Silent, evaluate


@pytest.mark.parametrize("channels", [1, 3])
def test_least_squares_gives_planted_light_back(channels: int):
    light = SmoothLight(24, 30, channels, 4, 2).onto((2, channels, 720))
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, light.coefficients, dtype=torch.float64, generator=generator)
    cast = torch.rand(2, channels, dtype=torch.float64, generator=generator)
    y = light(x) + cast[..., None]
    weights = 0.2 + torch.rand(2, 720, dtype=torch.float64, generator=generator)
    found = fit_light(light, y, weights, ridge=1e-9)
    assert torch.allclose(found["light"], x, atol=1e-5)
    assert torch.allclose(found["cast"] / 720**0.5, cast, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_network_emits_what_the_model_asks_for_and_is_trained_by_it(channels: int):
    torch.manual_seed(0)
    network = GlassNetwork()
    y = 0.1 + 0.3 * torch.rand(2, channels, 64, 80)
    emitted = network(y)
    assert set(emitted) == {"light", "cast"}
    views = FieldViews([y[0], y[1]], views=2)
    batch = views.draw([0, 3], 0)
    from foreknow.learn.emission import Emitter

    loss = InjectedBackground().losses(Emitter(network), batch, torch.Generator())
    assert loss.shape == (2,)
    loss.mean().backward()
    assert any(parameter.grad is not None and bool(parameter.grad.abs().max() > 0) for parameter in network.parameters())


def test_views_depend_on_number_and_epoch_alone():
    field = torch.rand(3, 200, 260)
    views = FieldViews([field], views=3)
    one = views.draw([1], 4).y
    assert torch.equal(one, FieldViews([field], views=3).draw([0, 1], 4).y[1:])
    assert not torch.equal(one, views.draw([1], 5).y)
    assert one.shape == (1, 3, 96, 96)
    with pytest.raises(DataError, match="no image"):
        FieldViews([])


def test_smears_to_learn_from_are_various_and_the_same_each_time():
    fields = [simulated_field(number, 5) for number in range(4)]
    assert all(field.shape == (3, 384, 384) for field in fields)
    assert torch.equal(fields[1], simulated_field(1, 5))
    assert not torch.equal(fields[1], simulated_field(1, 6))
    assert [torch.equal(field[0], field[1]) for field in fields] == [True, False, False, True]  # one in three is grey


def test_shipped_network_finds_cells():
    smear = simulate_smear(SmearSettings(height=256, width=256, cells=5), 77)
    found = detect(smear.image, finder=network_finder("shipped"))
    truth = smear.region.numpy()
    assert 2 * (found.mask & truth).sum() / (found.mask.sum() + truth.sum()) > 0.85
    assert found.found_background.certificate is None


def test_saved_network_says_the_same_and_damage_is_told(tmp_path: Path):
    torch.manual_seed(0)
    network = GlassNetwork().eval()
    save_network(tmp_path / "model", network)
    again, description = load_network(tmp_path / "model")
    density = optical_density_of(simulate_smear(SmearSettings(height=128, width=128, cells=2), 1).image)
    one, two = (NetworkBackground(each, "x").find(density, DetectSettings()).surface for each in (network, again))
    assert torch.equal(one, two)
    assert "diagnosis" in description.purpose
    (tmp_path / "model" / "weights.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputFileError):
        load_network(tmp_path / "model")
    with pytest.raises(InputFileError):
        network_finder(tmp_path)


def test_fit_on_images_leaves_out_what_is_broken(tmp_path: Path):
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(simulate_smear(SmearSettings(height=128, width=128, cells=2), 1).image.numpy()).save(folder / "a.png")
    (folder / "b.png").write_bytes(b"nothing")
    outcome = fit_on_images([folder], tmp_path / "model", FitNumbers(steps=2, batch_size=2), progress=Silent())
    assert outcome.fields == 1
    assert len(outcome.failures) == 1
    assert network_finder(tmp_path / "model").model == "model"
    with pytest.raises(ParameterError, match="--overwrite"):
        fit_on_images([folder], tmp_path / "model", FitNumbers(steps=2), progress=Silent())
    with pytest.raises(ParameterError, match="positive"):
        FitNumbers(steps=0)


@pytest.mark.slow
def test_training_lowers_the_loss_on_fields_apart(tmp_path: Path):
    fields = [optical_density_of(simulate_smear(SmearSettings(height=192, width=192, cells=6), seed).image) for seed in range(6)]
    apart = FieldViews(fields[4:], seed=1)
    torch.manual_seed(0)
    network = GlassNetwork()
    before = evaluate(network, InjectedBackground(), apart)
    train(network, fields[:4], tmp_path, FitNumbers(steps=30, batch_size=4), "smears", Silent())
    assert evaluate(network, InjectedBackground(), apart) < 0.95 * before


def test_a_network_goes_to_other_processes_without_what_is_soon_made_again():
    finder = network_finder("shipped")
    density = optical_density_of(simulate_smear(SmearSettings(height=128, width=128, cells=4), seed=5).image)
    found = finder.find(density, DetectSettings())
    sent = pickle.dumps(finder)
    assert len(sent) < 400_000
    again = pickle.loads(sent)  # noqa: S301  (made two lines above)
    assert torch.equal(again.find(density, DetectSettings()).surface, found.surface)
    assert again.fingerprint == finder.fingerprint
