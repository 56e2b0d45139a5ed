"""A network fitted to a device without labels: traits of runs, the device behind them, two looks, what is saved and said."""

import copy
import math
from types import SimpleNamespace

import pytest
import torch
from dicom_files import SECRET, SECRET_DATE, SECRET_UID, plant, run_dataset, save
from typer.testing import CliRunner

from foreknow.angiography.network import calibrate_on_runs as command_module
from foreknow.angiography.network import looks as looks_module
from foreknow.angiography.network import train_on_runs as training_module
from foreknow.angiography.network.calibrate_on_runs import calibrate_on_runs
from foreknow.angiography.network.calibrating import CalibrationNumbers, calibrate
from foreknow.angiography.network.looking import look_at_run, two_gates
from foreknow.angiography.network.looks import BOTH, DeviceLooks, Looks, confirmed, fit_looks, looks_used, moments
from foreknow.angiography.network.saved import load_network, save_network
from foreknow.angiography.network.vessel_network import VesselNetwork
from foreknow.angiography.simulate import DetectorSettings, DisplaySettings, Relationship, RunSettings, simulate_run
from foreknow.angiography.simulate.device import DeviceRanges, fit_device
from foreknow.angiography.simulate.traits import NAMES, run_traits, structure_traits
from foreknow.cli.app import app
from foreknow.errors import DataError, ParameterError, ShapeError

TINY = CalibrationNumbers(trials=8, runs=2, apart=2, known=2, frames=3)
SETTINGS = {"filters": [8, 8, 8], "block": 2, "shades": 12.0}
SECRETS = (SECRET, SECRET_DATE, SECRET_UID, "JANE")
DISPLAY = DisplaySettings(Relationship.DISPLAY, bits=8)


def command(*arguments):
    return CliRunner().invoke(app, ["angiography", *map(str, arguments)], prog_name="foreknow")


def film(seed, *, quanta=400.0, grain=0.16, size=96):
    detector = DetectorSettings(quanta=(quanta, quanta), grain=grain)
    run = simulate_run(RunSettings(frames=4, size=size, rate=5.0, detector=detector, display=DISPLAY), seed)
    return DISPLAY.read(run.frames)


@pytest.fixture
def network():
    torch.manual_seed(0)
    net = VesselNetwork((8, 8, 8), 2, 12.0)
    for parameter in net.parameters():
        if not bool(parameter.any()):
            torch.nn.init.normal_(parameter, std=0.1)
    return net.eval()


def known_device(looks, like):
    here, far = structure_traits(like), structure_traits(like) + 5
    spread = 0.3 * torch.ones(5, dtype=torch.float64)
    return DeviceLooks(looks, Looks(0.5, 0.5), *(moments([middle - spread, middle + spread]) for middle in (here, far)))


def test_traits_tell_noise_and_grain_and_no_exposure():
    clean, noisy, grainy = film(1), film(1, quanta=20.0), film(1, quanta=20.0, grain=0.8)
    assert len(run_traits(clean)) == len(NAMES)
    assert float(run_traits(noisy)[1]) > float(run_traits(clean)[1]) + 0.3
    fine = run_traits(noisy)[1] - run_traits(noisy)[3]
    assert float(run_traits(grainy)[1] - run_traits(grainy)[3]) < float(fine) - 0.3
    assert torch.allclose(run_traits(2 * clean + 1)[1:], run_traits(clean)[1:], atol=1e-5)
    assert float(run_traits(2 * clean)[0] - run_traits(clean)[0]) == pytest.approx(math.log(2), abs=1e-6)
    assert torch.equal(structure_traits(clean), run_traits(clean)[5:])
    with pytest.raises(ShapeError, match="2 frames or more of 64 pixels"):
        run_traits(clean[:1])


def test_a_device_is_found_by_its_noise_and_grain():
    found = {
        name: fit_device([film(1, quanta=quanta, grain=grain)], trials=24, size=96)
        for name, quanta, grain in (("clean", 600.0, 0.15), ("noisy", 30.0, 0.45))
    }
    middle = {
        name: (
            float(torch.tensor([one.detector.quanta[0] for one in fit.devices]).median()),
            float(torch.tensor([one.detector.grain for one in fit.devices]).median()),
        )
        for name, fit in found.items()
    }
    assert middle["clean"][0] > 2 * middle["noisy"][0]
    assert middle["clean"][1] < middle["noisy"][1]
    fit = found["clean"]
    assert fit.told.shape == (DeviceRanges().count,)
    assert float(fit.told[2]) > 0.3  # quanta
    with pytest.raises(DataError, match="one run or more"):
        fit_device([])


def test_looks_are_weighed_by_what_they_are_worth():
    generator = torch.Generator().manual_seed(0)
    truth = torch.rand(2, 40, 40, generator=generator) > 0.8
    noise = torch.rand(2, 40, 40, generator=generator)
    seen = torch.where(truth, 0.8, 0.1) + 0.1 * torch.randn(2, 40, 40, generator=generator)
    half = fit_looks([(noise, seen.clamp(0.01, 0.99), truth)])
    assert half.half > 3 * abs(half.whole)
    whole = fit_looks([(seen.clamp(0.01, 0.99), noise, truth)])
    assert whole.whole > 3 * abs(whole.half)
    assert confirmed(truth.float(), truth.float()) == 1 == confirmed(torch.zeros(3, 3), torch.ones(3, 3))
    poor = torch.tensor([[[0.9, 0.1], [0.2, 0.3]]])
    assert confirmed(torch.ones(1, 2, 2), poor) == 0.25
    assert looks_used(BOTH, torch.ones(1, 2, 2), poor) == BOTH
    assert looks_used(BOTH, torch.ones(1, 2, 2), torch.ones(1, 2, 2)) == Looks()
    gate = torch.rand(3, 4, generator=generator)
    assert torch.allclose(Looks().gate(gate, noise[0, :3, :4]), gate, atol=1e-4)


def test_a_network_looks_twice_where_the_first_look_is_not_confirmed(network, monkeypatch):
    ours, others = film(1), film(2)
    area = torch.ones(96, 96, dtype=torch.bool)
    first, second = two_gates(network, ours, area, 96, alone=False)
    monkeypatch.setattr(looks_module, "CONFIRMED", 0.0)  # whatever the second look says, the first is confirmed
    once = look_at_run(network, ours, area, side=96)
    assert torch.equal(once.gate, first)
    monkeypatch.setattr(looks_module, "CONFIRMED", 2.0)
    told = []
    twice = look_at_run(network, ours, area, side=96, tell=told.append)
    assert torch.allclose(twice.gate, BOTH.gate(first, second), atol=1e-6)
    assert torch.allclose(twice.vessels * first, once.vessels * twice.gate, atol=1e-5)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
    network.device = known_device(Looks(0.3, 0.6, 0.2), ours)
    seen = look_at_run(network, ours, area, side=96)
    assert torch.allclose(seen.gate, Looks(0.3, 0.6, 0.2).gate(first, second), atol=1e-6)
    network.device = DeviceLooks(network.device.looks, Looks(), network.device.elsewhere, network.device.here)
    away = two_gates(network, others, area, 96, alone=False)
    assert torch.allclose(look_at_run(network, others, area, side=96).gate, BOTH.gate(*away), atol=1e-6)


def test_what_a_network_was_calibrated_for_is_saved_with_it(tmp_path, network):
    network.device = known_device(Looks(0.4, 0.5, -0.3), film(1))
    save_network(tmp_path / "a", network, SETTINGS)
    network.rescale_gate(0.6, -0.4)
    save_network(tmp_path / "a", network, SETTINGS)
    loaded, description = load_network(tmp_path / "a")
    assert loaded.device == network.device
    assert loaded.rescaled == network.rescaled == (0.6, -0.4)
    network.device = None
    save_network(tmp_path / "b", network, description.settings)
    assert load_network(tmp_path / "b")[0].device is None


def test_a_calibration_is_taken_only_where_it_is_better(tmp_path, network):
    films = [film(1), film(2)]
    before = copy.deepcopy(network.state_dict())
    told = []
    found = calibrate(network, films, tmp_path, TINY, drawn=told.append)
    assert told == list(range(1, 15))
    assert found.taken is (network.device is not None)
    if not found.taken:
        assert found.gap[0] == found.gap[1]
    assert all(torch.equal(parameter, before[name]) for name, parameter in network.state_dict().items())
    with pytest.raises(DataError, match="2 frames and 64 pixels"):
        calibrate(network, [films[0][:1]], tmp_path, TINY)


def test_calibrating_on_runs_writes_a_model_with_a_report_and_names_nobody(tmp_path, network):
    folder = tmp_path / "JANE"
    folder.mkdir()
    for number, seed in enumerate((3, 4)):
        frames = simulate_run(RunSettings(frames=6, size=64), seed).frames.numpy()
        save(folder / f"JANE_{number}.dcm", plant(run_dataset(frames, bits=12)))
    (folder / "JANE_9.dcm").write_bytes((folder / "JANE_1.dcm").read_bytes()[:-9000])
    save_network(tmp_path / "begin", network, SETTINGS)
    out = tmp_path / "model"
    outcome = calibrate_on_runs([folder], out, TINY, model=tmp_path / "begin")
    assert (outcome.runs, outcome.frames, len(outcome.failures)) == (2, 12, 1)
    assert not (out / "work").exists()
    assert "The simulated device" in (out / "report.html").read_text()
    for path in out.rglob("*"):
        assert not any(secret.encode() in path.read_bytes() for secret in SECRETS), path.name
    _, description = load_network(out)
    assert description.metrics["gap to the optimum after"] == pytest.approx(outcome.calibration.gap[1])
    with pytest.raises(ParameterError, match="holds a model already"):
        calibrate_on_runs([folder], out, TINY)
    said = command("enhance", folder / "JANE_0.dcm", "-o", tmp_path / "out", "--mode", "network", "--model", out, "--no-report")
    assert said.exit_code == 0, said.output + said.stderr


@pytest.mark.parametrize(("after", "warned"), [(1.2, True), (1.05, False)])
def test_a_network_that_forgets_is_told(tmp_path, monkeypatch, after, warned):
    injection = SimpleNamespace(gap=(0.2, 0.1), kept=(1.0, after))
    outcome = SimpleNamespace(injection=injection, runs=1, frames=9, failures=())
    monkeypatch.setattr(training_module, "train_on_runs", lambda *_, **__: outcome)
    said = command("train", tmp_path, "-o", tmp_path / "a", "--by", "model")
    assert said.exit_code == 0, said.output
    assert ("the network does worse on simulated runs than before" in said.stderr.replace("\n", " ")) is warned
    assert "loss on simulated runs" in said.output


@pytest.mark.parametrize(
    ("misfit", "taken", "sentence"), [(1.4, True, "no simulated device"), (0.3, False, "as it was"), (0.3, True, "")]
)
def test_what_a_calibration_is_worth_is_told(tmp_path, monkeypatch, misfit, taken, sentence):
    calibration = SimpleNamespace(device=SimpleNamespace(misfit=misfit), taken=taken, dice=(0.4, 0.5), gap=(0.2, 0.1))
    outcome = command_module.RunCalibration(calibration, 1, 9, ())
    monkeypatch.setattr(command_module, "calibrate_on_runs", lambda *_, **__: outcome)
    said = command("train", tmp_path, "-o", tmp_path / "a")
    assert said.exit_code == 0, said.output
    assert sentence in said.stderr.replace("\n", " ")
    assert bool(said.stderr.strip()) is bool(sentence)
    for arguments, fault in ((("--by", "x"), "device or model, not 'x'"), (("--epochs", 3), "--by model and --simulated only")):
        wrong = command("train", tmp_path, "-o", tmp_path / "a", *arguments)
        assert wrong.exit_code == 2
        assert fault in wrong.stderr.replace("\n", " ")
