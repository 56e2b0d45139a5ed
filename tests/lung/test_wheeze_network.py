"""The wheeze network: what it may depend on, that it learns without labels, that it is kept and found again."""

from dataclasses import replace

import pytest
import torch

pytest.importorskip("monai")

from foreknow.errors import DataError, InputFileError, ParameterError
from foreknow.learn import Settings, Silent, evaluate, read_description
from foreknow.lung import WheezeSettings
from foreknow.lung.lines import frames_that_show
from foreknow.lung.network_folder import shipped_network
from foreknow.lung.scoring import si_sdr
from foreknow.lung.simulate import WHEEZE, SimulationSettings, simulate_recording
from foreknow.lung.train.wheeze_injection import BREATH_WEIGHT, TARGET, WheezeInjection, injected_target, wheeze_model
from foreknow.lung.train.wheeze_windows import draw_window, examples, simulated_spectra, spectrum_and_weights
from foreknow.lung.train.wheezes import adapt_wheezes, train_wheezes
from foreknow.lung.wheeze_model import load_wheeze_network, save_wheeze_network
from foreknow.lung.wheeze_network import WheezeNetwork, WheezeNetworkSettings
from foreknow.lung.wheeze_network_separation import NetworkWheezeSeparator
from foreknow.lung.wheeze_separation import WheezeSeparator
from foreknow.lung.wheeze_separators import wheeze_separator
from foreknow.priors import PerEntryNuclearNorm

SETTINGS = WheezeNetworkSettings()
RATE = 4000


@pytest.fixture(scope="module")
def data():
    return simulated_spectra(12, 1, SETTINGS)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    made = WheezeNetwork(SETTINGS)
    torch.nn.init.normal_(made.network.network.output_block.conv.conv.weight, std=0.3)  # so that it says something
    return made.eval()


@pytest.fixture(scope="module")
def shipped():
    if not (shipped_network("wheezes") / "model.json").is_file():
        pytest.skip("no network is shipped yet: python -m foreknow.lung.train.wheezes src/foreknow/lung/weights/wheezes")
    return load_wheeze_network()


@pytest.fixture(scope="module")
def drawn():
    settings = SimulationSettings(seconds=8.5, rate=RATE, crackles=(), continuous=(replace(WHEEZE, per_breath=1.0),))
    return simulate_recording(settings, torch.Generator().manual_seed(12))


def test_neither_phase_nor_unit_matters(network, data):
    spectrum = data.draw([0, 1], 0).y
    usual = network(spectrum)["wheezes"]
    turned = network(torch.exp(torch.tensor(1.3j)) * 20 * spectrum)["wheezes"]
    assert bool(usual.any())
    torch.testing.assert_close(turned, torch.exp(torch.tensor(1.3j)) * 20 * usual, rtol=1e-3, atol=1e-3)


def test_what_the_model_says_of_a_window_is_its_lines_and_none_of_its_noise_or_crackles(data):
    generator = torch.Generator().manual_seed(2)
    kinds = (replace(WHEEZE, per_breath=1.0, level_db=(6.0, 12.0)),)
    settings = SimulationSettings(seconds=4.096, rate=RATE, crackles=(), continuous=kinds)
    windows = [simulate_recording(settings, generator).recording for _ in range(4)]
    for made, kept in ((examples(windows, SETTINGS, generator), 0.9), (data, 0.0)):  # data hold crackles, loud and short
        example = made.draw(range(len(made)), 0)
        target = example.truth[TARGET]
        assert target.shape == example.y.shape
        assert bool(((target == 0) | (target == example.y)).all())  # kept whole or not at all
        assert not bool(target[:, ~SETTINGS.inside()].any())
        strong = (example.y.abs() > 30 * example.y.abs().median()) & SETTINGS.inside()[:, None]
        assert bool(strong.any())
        assert float((target != 0)[strong].double().mean()) > kept
        assert float((target == 0).double().mean()) > 0.8


def test_a_window_is_shown_in_more_noise_with_the_lines_that_were_found_without(data):
    assert len(data) == 24
    example = data.draw(range(24), 0)
    target = example.truth[TARGET]
    assert torch.equal(target[0::2] != 0, (target[1::2] != 0))
    assert not torch.equal(example.y[0::2], example.y[1::2])


def test_it_learns_without_labels(data):
    torch.manual_seed(0)
    network = WheezeNetwork(SETTINGS)
    settings = Settings(epochs=6, batch_size=4, learning_rate=1e-2)
    _, metrics = train_wheezes(network, data, data, settings, progress=Silent())
    assert metrics["loss"] < 0.7 * metrics["loss before"]


def test_the_target_is_near_the_solution_of_the_declared_model():
    generator = torch.Generator().manual_seed(5)
    inside = SETTINGS.inside()
    spectrum, weights = (part[inside] for part in spectrum_and_weights(draw_window(RATE, generator)[0], SETTINGS))
    target = injected_target(spectrum, weights)
    model = wheeze_model(weights)
    breath = PerEntryNuclearNorm(BREATH_WEIGHT, event_dims=2).prox(spectrum - target)

    def objective(wheezes):
        return float(model.problem.for_data(spectrum).objective((breath, wheezes), spectrum))

    best = model.solve(spectrum, tolerance=1e-2, max_iterations=300)
    assert objective(target) < 1.05 * float(best.objective)
    for other in (torch.zeros_like(spectrum), spectrum):
        assert objective(other) > objective(target)


def test_the_shipped_network_separates_wheezes(shipped, drawn):
    y = drawn.recording
    network = NetworkWheezeSeparator(shipped, WheezeSettings())
    count = network.window_samples
    assert count == WheezeSeparator(WheezeSettings(), RATE).window_samples
    truth = drawn.wheezes[:count]
    separated = network.separate(y[None, :count].float())[0].double()
    assert float(si_sdr(separated, truth)) > float(si_sdr(y[:count], truth)) + 3


def test_the_shipped_network_learned_from_simulated_windows_only_and_is_small(shipped):  # noqa: ARG001
    assert read_description(shipped_network("wheezes")).training["objective"] == "WheezeInjection"
    assert sum(file.stat().st_size for file in shipped_network("wheezes").iterdir()) < 600_000


@pytest.mark.parametrize("samples", [torch.zeros(1, 32768), torch.full((1, 32768), 0.1)])
def test_nothing_comes_out_of_nothing(network, samples):
    found = NetworkWheezeSeparator(network, WheezeSettings()).separate(samples)
    assert bool(torch.isfinite(found).all())
    assert float(found.abs().max()) < 0.11
    assert bool(samples.any()) or not bool(found.any())


def test_the_separator_is_chosen_by_the_settings_and_the_rate(tmp_path, network):
    own = WheezeSettings(model=str(tmp_path / "own"))
    save_wheeze_network(tmp_path / "own", network, formula="", training={}, data="", metrics={})
    assert isinstance(wheeze_separator(own, RATE), NetworkWheezeSeparator)
    assert isinstance(wheeze_separator(own, 2000), WheezeSeparator)
    assert isinstance(wheeze_separator(WheezeSettings(model="classical"), RATE), WheezeSeparator)
    with pytest.raises(InputFileError, match="no saved model"):
        wheeze_separator(WheezeSettings(model=str(tmp_path)), RATE)


def test_a_network_is_kept_and_found_again(tmp_path, network, data):
    folder = tmp_path / "mine" / "wheezes"
    save_wheeze_network(folder, network, formula="", training={}, data="", metrics={})
    again = load_wheeze_network(str(tmp_path / "mine"))
    spectrum = data.draw([0], 0).y
    assert torch.equal(again(spectrum)["wheezes"], network(spectrum)["wheezes"])
    (folder / "weights.safetensors").write_bytes(b"damaged")
    with pytest.raises(InputFileError, match="hash"):
        load_wheeze_network(str(folder))


def test_adaptation_keeps_what_was_known_and_lowers_the_loss(tmp_path, network):
    save_wheeze_network(tmp_path / "start", network, formula="", training={}, data="", metrics={})
    generator = torch.Generator().manual_seed(4)
    kinds = (replace(WHEEZE, per_breath=1.0),)
    drawn = [simulate_recording(SimulationSettings(seconds=4.096, rate=RATE, continuous=kinds), generator) for _ in range(9)]
    settings = Settings(epochs=1, batch_size=4, learning_rate=1e-3)
    metrics = adapt_wheezes(
        [one.recording for one in drawn], tmp_path, start=str(tmp_path / "start"), settings=settings, progress=Silent()
    )
    assert metrics["loss"] <= metrics["loss before"]
    assert isinstance(load_wheeze_network(str(tmp_path)), WheezeNetwork)
    with pytest.raises(DataError, match="at least 8 windows"):
        adapt_wheezes([torch.zeros(16384)] * 20, tmp_path, start=str(tmp_path / "start"), settings=settings, progress=Silent())


def test_settings_out_of_range_are_refused():
    with pytest.raises(ParameterError, match="band"):
        WheezeNetworkSettings(band=(100.0, 3000.0))


def test_the_objective_is_a_number_a_coefficient(data, network):
    assert 0 <= evaluate(network, WheezeInjection(), data) < 10


class _Gate(WheezeNetwork):
    """Says what it is told; levels are 1."""

    told: torch.Tensor

    def gate_and_level(self, spectrum):
        return self.told.expand(spectrum.shape), spectrum.abs()


def test_what_lasts_shorter_than_a_wheeze_is_let_through_nowhere():
    gated = _Gate(SETTINGS)
    separator = NetworkWheezeSeparator(gated, WheezeSettings(), RATE)
    noise = torch.randn(1, RATE, generator=torch.Generator().manual_seed(3))
    frames = SETTINGS.stft(RATE)(noise).shape[-1]
    least = frames_that_show(SETTINGS.stft(RATE), RATE, WheezeSettings())
    for long, expected in ((least - 1, False), (least, True)):
        gated.told = torch.zeros(SETTINGS.size // 2 + 1, frames)
        gated.told[20, 10 : 10 + long] = 0.6
        assert bool(separator.separate(noise).any()) == expected
    assert separator.report.windows == 2


def test_of_loud_coefficients_more_is_kept_than_the_gate_says():
    gated = _Gate(SETTINGS)
    separator = NetworkWheezeSeparator(gated, WheezeSettings(), RATE)
    gated.told = torch.full((1, SETTINGS.size // 2 + 1, 40), 0.3)
    spectrum = torch.complex(torch.tensor(1.0), torch.tensor(0.0)) * torch.full_like(gated.told, 1.0)
    shares = [float(separator._share(level * spectrum)[0, 5, 20]) for level in (0.3, 3.0, 30.0)]
    assert shares[0] == pytest.approx(0.3)
    assert shares[1] == pytest.approx(1 - 0.25 * 0.7 / 0.3 / 3.0)
    assert shares[2] > 0.97


def test_a_low_line_at_the_edge_of_the_band_is_kept(shipped, drawn):
    time = torch.arange(drawn.breath.shape[0]) / RATE
    inside = (time >= 3.0) & (time < 3.6)
    ends = ((torch.minimum(time - 3.0, 3.6 - time)).clamp(0, 0.05) / 0.05).double()
    line = sum(torch.sin(2 * torch.pi * 108 * order * time) for order in (1, 2, 3))
    rhonchus = torch.where(inside, ends * line.double(), 0.0)
    rhonchus *= 4 * drawn.breath[inside].square().mean().sqrt() / rhonchus[inside].square().mean().sqrt()
    separator = NetworkWheezeSeparator(shipped, WheezeSettings())
    window = (drawn.breath + rhonchus)[: separator.window_samples]
    found = separator.separate(window[None].float())[0].double()
    assert float(found @ rhonchus[: len(found)] / (rhonchus @ rhonchus)) > 0.7


@pytest.mark.parametrize("seconds", [0.1, 0.12])
def test_the_shortest_wheeze_is_kept(shipped, drawn, seconds):
    time = torch.arange(drawn.breath.shape[0]) / RATE
    inside = (time >= 3.0) & (time < 3.0 + seconds)
    ends = ((torch.minimum(time - 3.0, 3.0 + seconds - time)).clamp(0, 0.015) / 0.015).double()
    wheeze = torch.where(inside, ends * torch.sin(2 * torch.pi * 420 * time).double(), 0.0)
    wheeze *= 4 * drawn.breath[inside].square().mean().sqrt() / wheeze[inside].square().mean().sqrt()
    separator = NetworkWheezeSeparator(shipped, WheezeSettings())
    window = (drawn.breath + wheeze)[: separator.window_samples]
    found = separator.separate(window[None].float())[0].double()
    assert float(found @ wheeze[: len(found)] / (wheeze @ wheeze)) > 0.7
