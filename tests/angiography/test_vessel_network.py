"""The network that sees vessels: what it computes, what comes along, streams, the unrolled solver, all modes alike."""

import pytest
import torch

from foreknow.angiography.exports import require_formats
from foreknow.angiography.mask import vessel_mask
from foreknow.angiography.modes import Enhancer, Mode
from foreknow.angiography.network import looks
from foreknow.angiography.network.looking import look_at_run, median_over_time, working_size
from foreknow.angiography.network.saved import KIND, load_network, save_network
from foreknow.angiography.network.training_runs import TrainingRuns, TrainingRunSettings
from foreknow.angiography.network.variation import Varied
from foreknow.angiography.network.vessel_network import VesselNetwork
from foreknow.angiography.settings import EnhanceSettings
from foreknow.angiography.simulate import DisplaySettings, MotionSettings, Relationship, RunSettings, simulate_run
from foreknow.angiography.simulate.bolus import BolusSettings
from foreknow.angiography.streaming import NetworkStream, OnlineStream
from foreknow.angiography.unrolled import RelativeWeight, for_pixels, unrolled_network
from foreknow.angiography.unrolled_saved import UnrolledTraining, load_unrolled, pretrain_unrolled
from foreknow.errors import DataError, InputFileError, ParameterError, ShapeError
from foreknow.learn import Description, Silent, save_model

FILTERS = {"filters": [8, 8, 8], "block": 2, "shades": 12.0}
DISPLAYED = DisplaySettings(Relationship.DISPLAY, bits=8)
FILLED = BolusSettings(start=(-2.2, -1.8))


def small_network(seed=0):
    torch.manual_seed(seed)
    network = VesselNetwork((8, 8, 8), 2, 12.0)
    for parameter in network.parameters():
        if not bool(parameter.any()):
            torch.nn.init.normal_(parameter, std=0.1)  # the last layer begins at 0
    return network.eval()


def dice(one, other):
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


@pytest.fixture(scope="module")
def run():
    return simulate_run(RunSettings(frames=8, size=128, display=DISPLAYED, bolus=FILLED), 11)


@pytest.fixture(scope="module")
def attenuation(run):
    return DISPLAYED.read(run.frames)


def test_layers_sum_and_units_do_not_matter():
    network, y = small_network(), torch.rand(2, 3, 40, 48, generator=torch.Generator().manual_seed(1))
    found = network(y)
    assert torch.allclose(found["vessels"] + found["background"], y, atol=1e-6)
    scaled = network(3 * y + 2)
    assert torch.allclose(scaled["gate"], found["gate"], atol=1e-3)
    assert torch.allclose(scaled["vessels"], 3 * found["vessels"], atol=1e-3)


def test_looking_frame_by_frame_says_what_the_whole_film_does(monkeypatch):
    monkeypatch.setattr(looks, "CONFIRMED", 0.0)  # one look is enough
    network, y = small_network(), torch.rand(5, 32, 32, generator=torch.Generator().manual_seed(2))
    area = torch.ones(32, 32, dtype=torch.bool)
    with torch.inference_mode():
        whole, seen = network(y[None]), look_at_run(network, y, area, side=32)
        alone, each = network(y[:, None]), look_at_run(network, y, area, side=32, alone=True)
    assert torch.allclose(torch.sigmoid(whole["gate"][0]), seen.gate, atol=1e-5)
    assert torch.allclose(whole["vessels"][0].clamp_min(0), seen.vessels, atol=1e-5)
    assert torch.allclose(torch.sigmoid(alone["gate"][:, 0]), each.gate, atol=1e-5)
    assert not torch.allclose(seen.gate, each.gate, atol=1e-3)
    area[:, :8] = False
    hidden = look_at_run(network, y, area, side=32)
    assert float(hidden.gate[..., :8].abs().max()) == float(hidden.vessels[..., :8].abs().max()) == 0


def test_sizes_and_medians():
    assert working_size((512, 512), 256) == (256, 256)
    assert working_size((100, 200), 400) == (200, 400)
    frames = torch.rand(6, 9, 5)
    assert torch.allclose(median_over_time(frames), torch.quantile(frames, 0.5, dim=0))


def test_the_network_that_comes_along_sees_vessels_in_a_single_frame(run, attenuation):
    frame = int(run.mask.sum((1, 2)).argmax())
    found = Enhancer().separate(attenuation[frame : frame + 1])
    mask = vessel_mask(found)
    assert mask.is_gate
    assert found.certificate is None
    assert dice(mask.binary[0], run.mask[frame]) > 0.55
    assert torch.allclose(found.vessels + found.background, attenuation[frame : frame + 1], atol=1e-6)
    assert any("too few for separation by movement" in notice for notice in found.notices)


def test_a_flat_frame_and_one_without_contrast_agent():
    with pytest.raises(DataError, match="one value everywhere"):
        Enhancer(Mode.FRAME).separate(torch.ones(1, 64, 64))
    empty = simulate_run(RunSettings(frames=1, size=256, display=DISPLAYED, contrast=False, catheter=None), 5)
    found = Enhancer(Mode.FRAME).separate(DISPLAYED.read(empty.frames))
    assert float(vessel_mask(found).binary.float().mean()) < 0.02


@pytest.mark.parametrize("mode", ["classical", "unrolled", "network", "frame"])
def test_all_modes_give_the_same_kind_of_result(run, attenuation, mode):
    settings = EnhanceSettings(working_side=256)
    found = Enhancer(Mode(mode), settings).separate(attenuation)
    assert found.vessels.shape == found.background.shape == attenuation.shape
    assert torch.allclose(found.vessels + found.background, attenuation, atol=1e-5)
    assert float(found.vessels.min()) >= 0
    assert (found.gate is None) == (mode in {"classical", "unrolled"})
    assert (found.certificate is None) == (mode in {"network", "frame"})
    mask = vessel_mask(found, settings)
    assert dice(mask.binary, run.mask) > 0.2
    assert float(found.vessels[run.mask].mean()) > 4 * float(found.vessels[~run.mask].mean())
    assert torch.equal(mask.soft[3], mask.soft_frame(3))


def test_modes_refuse_what_has_no_meaning(tmp_path):
    with pytest.raises(ParameterError, match="no meaning"):
        Enhancer(Mode.CLASSICAL, model=tmp_path)
    with pytest.raises(InputFileError, match="no saved model"):
        Enhancer(Mode.NETWORK, model=tmp_path).require_model()
    with pytest.raises(ParameterError, match="npz and nifti"):
        require_formats(["png"])
    assert Enhancer().mode_for(3) is Mode.FRAME
    assert Enhancer().mode_for(30) is Mode.NETWORK


def test_a_saved_network_says_the_same_and_others_are_refused(tmp_path):
    network, y = small_network(), torch.rand(1, 2, 32, 32)
    save_network(tmp_path / "a", network, FILTERS)
    loaded, description = load_network(tmp_path / "a")
    assert description.kind == KIND
    assert torch.allclose(loaded(y)["gate"], network(y)["gate"], atol=0.02)  # half precision
    save_network(tmp_path / "b", network, {"filters": "many"})
    with pytest.raises(InputFileError, match="describe no network of kind"):
        load_network(tmp_path / "b")
    save_model(tmp_path / "c", torch.nn.Linear(2, 2), Description(kind="other"))
    with pytest.raises(InputFileError, match="of kind 'other'"):
        load_network(tmp_path / "c")
    (tmp_path / "a" / "weights.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(InputFileError, match="hash"):
        load_network(tmp_path / "a")


def test_what_comes_along_is_small_and_says_how_it_was_made():
    for _, description in (load_network(), load_unrolled()):
        assert "simulat" in description.data
        assert "not a diagnosis" in description.purpose
    network, _ = load_network()
    assert sum(parameter.numel() for parameter in network.parameters()) < 500_000


def test_a_table_that_pans_is_told_in_every_mode_that_compares_frames():
    motion = MotionSettings(pan=1.0, pan_length=(20.0, 25.0))
    run = simulate_run(RunSettings(frames=12, size=64, rate=7.5, motion=motion), 1)
    for mode in (Mode.NETWORK, Mode.CLASSICAL, Mode.FRAME):
        told = any("the whole picture moves by" in notice for notice in Enhancer(mode).separate(run.attenuation).notices)
        assert told is (mode is not Mode.FRAME)
    still = simulate_run(RunSettings(frames=12, size=64, rate=7.5, motion=MotionSettings(pan=0.0)), 1)
    assert not Enhancer(Mode.NETWORK).separate(still.attenuation).notices


def test_training_runs_are_drawn_once_and_varied(tmp_path):
    runs = TrainingRuns(tmp_path, 2, TrainingRunSettings(frames=2, size=48))
    told = []
    runs.prepare(told.append)
    assert told == [1, 2]
    files = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = TrainingRuns(tmp_path, 2, TrainingRunSettings(frames=2, size=48))
    first, second = runs.draw([0, 1], 0), again.draw([0, 1], 3)
    assert torch.equal(first.y, second.y)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == files
    assert torch.allclose(first.truth["vessels"] + first.truth["background"], first.y, atol=1e-6)
    varied = Varied(runs, noise=0.0)
    one, other = varied.draw([0], 0), varied.draw([0], 1)
    assert not torch.equal(one.y, other.y)
    assert torch.allclose(one.truth["vessels"] + one.truth["background"], one.y, atol=1e-6)
    assert float(one.truth["gate"].sum()) == float(first.truth["gate"][0].sum())


def test_streams_keep_up_with_what_comes(attenuation):
    frames = torch.cat([attenuation, attenuation.flip(0)])
    for stream in (NetworkStream(load_network()[0], side=128), OnlineStream(first=4, side=128)):
        parts = list(stream.enhance(frames))
        assert len(parts) == len(frames)
        for part, frame in zip(parts, frames, strict=True):
            assert torch.allclose(part.vessels + part.background, frame, atol=1e-5)
            assert float(part.vessels.min()) >= 0
        with pytest.raises(ShapeError, match="of one size"):
            stream.push(frames[0, :64])
        with pytest.raises(DataError, match="NaN"):
            stream.push(torch.full((128, 128), torch.nan))
    with pytest.raises(ParameterError):
        OnlineStream(first=1)
    with pytest.raises(ParameterError):
        NetworkStream(small_network(), side=8)


def test_online_robust_pca_finds_what_enters():
    generator = torch.Generator().manual_seed(0)
    still = torch.rand(64, 64, generator=generator)
    film = still * (1 + 0.1 * torch.sin(torch.arange(40) / 3)[:, None, None]) + 0.01 * torch.randn(40, 64, 64, generator=generator)
    film[25:, 20:40, 30:33] += 0.4
    parts = list(OnlineStream(first=20, side=64, level=4.0).enhance(film))
    found = torch.stack([part.vessels for part in parts])
    assert float(found[25:, 20:40, 30:33].mean()) == pytest.approx(0.4, abs=0.06)
    assert float((found[20:25] > 0).float().mean()) < 0.02


def test_learned_weights_hold_at_other_sizes(attenuation):
    network = unrolled_network(3)
    with torch.no_grad():
        large = for_pixels(network, 128 * 128)(attenuation)
    small = for_pixels(network, 64 * 64)
    weights = [float(module().detach()) for module in small.modules() if isinstance(module, RelativeWeight)]
    assert weights == pytest.approx([1 / 64] * len(weights))
    assert len(weights) >= 3
    assert float(large.components["vessels"].min()) >= 0


def test_unrolled_training_lowers_the_error(tmp_path):
    plan = UnrolledTraining(steps=3, runs=4, frames=24, size=32, epochs=4)
    history = pretrain_unrolled(tmp_path, plan, progress=Silent())
    assert history.epochs[-1].loss < history.epochs[0].loss
    network, description = load_unrolled(tmp_path)
    assert network.steps == description.settings["steps"] == 3
    with pytest.raises(InputFileError):
        load_network(tmp_path)
