"""The unrolled crackle model: the solver in the limit, learned by its gradient, shipped, and applied to recordings."""

import json
import shutil

import pytest
import torch

from foreknow import L1, Component, Gaussian, Model
from foreknow.errors import InputFileError
from foreknow.files import write_audio
from foreknow.lung import SeparationSettings, separate, separate_file
from foreknow.lung.crackle_model import load_crackle_network, model_label, save_crackle_network
from foreknow.lung.crackle_network import CrackleNetwork, CrackleNetworkSettings
from foreknow.lung.crackle_template import difference, template_figure, templates
from foreknow.lung.crackle_weights import relief
from foreknow.lung.network_folder import shipped_network
from foreknow.lung.noise_level import level_close_by, local_level
from foreknow.lung.refit import Refit
from foreknow.lung.scoring import match_events, si_sdr
from foreknow.lung.separation import CrackleSeparator
from foreknow.lung.separators import crackle_separator
from foreknow.lung.simulate import SimulationSettings, simulate_recording
from foreknow.lung.unrolled_separation import UnrolledSeparator
from foreknow.operators import FilterBank, StationaryWavelet

RATE = 4000


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def simulated():
    return simulate_recording(SimulationSettings(seconds=12.0, rate=RATE), generator(3))


@pytest.fixture(scope="module")
def separated(simulated):
    return separate(simulated.recording, RATE)


def clicks(count=2048, seed=0):
    y = torch.randn(2, count, generator=generator(seed), dtype=torch.float64)
    y[:, 700:710] += 9.0
    return y


# ------------------------------------------------------------------------------------------------------------- the network
def test_a_round_of_many_steps_solves_the_model():
    network = CrackleNetwork(CrackleNetworkSettings(steps=(400,)))
    y = clicks()
    with torch.no_grad():
        found = network(y)["sparse"]
        wavelet = network.wavelet_copy().on((y.shape[-1],))
        weights = network.weights() * local_level(wavelet(y), 1000)
        model = Model(crackles=Component(L1(weights, event_dims=2), wavelet.T), noise=Gaussian(1.0))
        solution = model.solve(y, tolerance=1e-7, max_iterations=4000)
    assert torch.allclose(found, solution["crackles"], atol=2e-3 * float(found.abs().max()))


def test_a_second_round_gives_back_what_the_first_took_off():
    y = clicks()
    with torch.no_grad():
        one, two = (CrackleNetwork(CrackleNetworkSettings(steps=steps))(y)["sparse"] for steps in ((6,), (6, 6)))
    assert two[:, 700:710].mean() > one[:, 700:710].mean() + 0.5
    assert two[:, :500].square().mean() < 0.1


def test_relief_runs_from_one_down_to_its_share():
    energy = torch.tensor([0.0, 4.0, 1e12])
    factor = relief(energy, torch.full((3, 1), 0.2), torch.full((3, 1), 2.0))
    assert factor.shape == (3, 3)
    assert torch.allclose(factor[0], torch.tensor([1.0, 0.6, 0.2]))


def test_a_loud_crackle_is_kept_whole_and_what_lasts_longer_is_not():
    y = clicks()
    crackle = torch.zeros_like(y)
    crackle[:, 700:710] = 9.0
    swell = y.clone()
    swell[:, 600:900] += 9.0 * torch.randn(2, 300, generator=generator(1), dtype=torch.float64)
    with torch.no_grad():
        network = CrackleNetwork(CrackleNetworkSettings(steps=(6, 6)))
        found, loud = network(y), network(swell)
    errors = {name: float((found[name] - crackle).square().sum()) for name in ("sparse", "crackles")}
    assert errors["crackles"] < 0.5 * errors["sparse"]
    beside = slice(750, 900)
    assert loud["crackles"][:, beside].square().sum() < 0.3 * loud["sparse"][:, beside].square().sum()


def test_nothing_is_kept_where_nothing_was_found():
    y = torch.randn(2, 2048, generator=generator(5), dtype=torch.float64)
    wavelet = StationaryWavelet("db4", 4, 2048)
    kept = Refit(5)(wavelet(y), torch.zeros(2, 5, 2048, dtype=torch.float64), torch.ones(2, 5, 2048, dtype=torch.float64), RATE)
    assert not kept.any()


def test_the_level_close_by_rises_with_what_lasts_and_not_with_a_click():
    noise = torch.randn(1, 8000, generator=generator(6), dtype=torch.float64)
    click, swell = noise.clone(), noise.clone()
    click[:, 4000:4020] *= 30
    swell[:, 3800:4200] *= 30
    usual = local_level(noise, 1000)
    assert torch.allclose(level_close_by(click, usual, RATE), level_close_by(noise, usual, RATE), rtol=0.3)
    assert level_close_by(swell, usual, RATE)[0, 4000] > 15 * usual[0, 4000]


def test_everything_that_is_learned_gets_a_gradient_and_reconstruction_stays_perfect():
    network = CrackleNetwork(CrackleNetworkSettings(steps=(2, 2)))
    y = clicks()
    network(y)["crackles"].square().sum().backward()
    learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
    assert len(learned) == 8
    assert all(bool((parameter.grad != 0).any()) for parameter in learned)
    with torch.no_grad():
        for parameter in learned:
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator(), dtype=parameter.dtype))
    wavelet = network.wavelet_copy().on((y.shape[-1],))
    assert torch.allclose(wavelet.adjoint(wavelet(y)), y, atol=1e-10)


def test_a_network_that_knows_the_length_gives_the_same():
    y = clicks()
    any_length, bound = CrackleNetwork(), CrackleNetwork(length=2048)
    with torch.no_grad():
        assert torch.equal(any_length(y)["crackles"], bound(y)["crackles"])


# ------------------------------------------------------------------------------------------------------------ shipped, saved
def test_the_shipped_network_is_small_and_was_trained_on_simulated_recordings():
    files = sorted(path.name for path in shipped_network("crackles").iterdir())
    assert files == ["card.md", "model.json", "weights.safetensors"]
    assert sum(path.stat().st_size for path in shipped_network("crackles").iterdir()) < 300_000
    description = json.loads((shipped_network("crackles") / "model.json").read_text())
    assert description["data"].startswith("simulated by")
    assert description["metrics"]["crackle error, dB"] < description["metrics"]["crackle error before, dB"] - 0.1


def test_a_saved_network_is_loaded_again_and_a_damaged_one_refused(tmp_path):
    network = CrackleNetwork(CrackleNetworkSettings(wavelet="db2", steps=(1, 2)))
    save_crackle_network(tmp_path / "model" / "crackles", network, training={}, data="none", metrics={})
    for place in ("model", "model/crackles"):
        again = load_crackle_network(str(tmp_path / place))
        assert again.settings == network.settings
        y = clicks()
        assert torch.equal(again(y)["crackles"], network(y)["crackles"])
    label = model_label(str(tmp_path / "model"))
    assert label.startswith("model ")
    assert str(tmp_path) not in label
    text = (tmp_path / "model" / "crackles" / "model.json").read_text()
    (tmp_path / "model" / "crackles" / "model.json").write_text(text.replace('"db2"', '"no such wavelet"'))
    with pytest.raises(InputFileError, match="describe no network of kind"):
        load_crackle_network(str(tmp_path / "model"))
    with pytest.raises(InputFileError, match="holds no saved model"):
        load_crackle_network(str(tmp_path / "nothing"))


# ----------------------------------------------------------------------------------------------------------------- applied
def test_crackles_are_found_and_separated(simulated, separated):
    score = match_events([event.peak for event in separated.events], [event.peak for event in simulated.events])
    assert score.f1 > 0.85
    assert si_sdr(separated.crackles, simulated.crackles) > si_sdr(simulated.recording, simulated.crackles) + 9
    assert torch.allclose(separated.crackles + separated.breath, simulated.recording, atol=1e-12)


def test_silence_and_scale_are_kept():
    separator = crackle_separator(SeparationSettings(), RATE)
    window = torch.randn(1, separator.window_samples, generator=generator())
    window[:, 8000:8010] += 20.0
    once, scaled = separator.separate(window), separator.separate(1e-4 * window)
    assert torch.allclose(1e-4 * once, scaled, rtol=1e-3, atol=1e-8)
    assert not separator.separate(torch.zeros_like(window)).any()


def test_other_rates_and_the_classical_model_are_solved():
    assert isinstance(crackle_separator(SeparationSettings(), RATE), UnrolledSeparator)
    assert isinstance(crackle_separator(SeparationSettings(), 2500), CrackleSeparator)
    assert isinstance(crackle_separator(SeparationSettings(crackle_model="classical"), RATE), CrackleSeparator)


def test_results_say_which_model_but_not_where_it_lies(tmp_path, simulated):
    secret = tmp_path / "Jane Doe"
    shutil.copytree(shipped_network("crackles"), secret / "mine" / "crackles")
    write_audio(tmp_path / "a.wav", simulated.recording[:16000], RATE)
    settings = SeparationSettings(crackle_model=str(secret / "mine"))
    separate_file(tmp_path / "a.wav", tmp_path / "out", settings, report=False)
    text = (tmp_path / "out" / "a" / "summary.json").read_text()
    assert json.loads(text)["settings"]["crackle_model"].startswith("mine ")
    assert "Jane" not in text


# ---------------------------------------------------------------------------------------------------------------- template
def test_templates_are_of_unit_norm_and_compared_over_shifts():
    haar, db4 = StationaryWavelet("haar", 3), StationaryWavelet("db4", 3)
    shapes = templates(db4)
    assert shapes.shape == (3, 512)
    assert torch.allclose(shapes.norm(dim=-1), torch.ones(3, dtype=torch.float64))
    assert max(difference(db4, StationaryWavelet(FilterBank.named("db4"), 3))) < 1e-6
    assert min(difference(haar, db4)) > 0.04
    assert len(template_figure({"Haar": haar, "db4": db4}, RATE).axes) == 3
