"""Clean runs shown by many devices: what a network is trained on."""

from dataclasses import replace

import pytest
import torch

from foreknow.angiography.network.acquisition import Acquired, AcquisitionRanges
from foreknow.angiography.network.clean_runs import CleanRuns, CleanRunSettings
from foreknow.angiography.network.sure_gate import calibrate_gate, least_entropy
from foreknow.angiography.network.training_runs import BACKGROUND, GATE, VESSELS, TrainingRunSettings
from foreknow.angiography.network.vessel_network import VesselNetwork
from foreknow.angiography.simulate import DetectorSettings, DisplaySettings, simulate_run
from foreknow.angiography.simulate.bolus import BolusSettings
from foreknow.angiography.simulate.device import DeviceRanges
from foreknow.angiography.simulate.overlay import burn_in
from foreknow.angiography.simulate.processing import compressed, ghosted, local_gain
from foreknow.simulate.blur import gaussian_blur

PLAIN = AcquisitionRanges(usual=0.0, linear=1.0, contrast=(1.0, 1.0), coarse=1.0, local_gain=0, ghost=0, jpeg=0, burnt_in=0)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return CleanRuns(tmp_path_factory.mktemp("runs"), 3, CleanRunSettings(TrainingRunSettings(frames=3, size=128), empty=0.0))


def test_clean_runs_have_neither_noise_nor_processing(runs):
    y, vessels = runs.draw([0], 0).y[0], runs.draw([0], 0).truth[VESSELS][0]
    assert y.shape == vessels.shape == (3, 128, 128)
    assert float(vessels.min()) > -1e-3  # half precision
    assert runs.draw([1, 2], 0).y.shape == (2, 3, 128, 128)
    shapes = CleanRunSettings(TrainingRunSettings(frames=3, size=128), empty=0.0)
    same = simulate_run(shapes.draw(0), 100_000)
    clean = same.background + same.vessels
    clean = clean - clean.median()
    assert float((y - clean).abs().max()) < 4e-3
    assert float((y - same.attenuation).abs().median()) > 5e-3  # noise
    drawn = [CleanRunSettings().draw(number) for number in range(60)]
    assert {one.display for one in drawn} == {DisplaySettings()}
    assert {one.detector for one in drawn} == {DetectorSettings(blur=0.0)}
    assert max(one.anatomy.texture[0] for one in drawn) > 0.12
    assert min(one.anatomy.texture[1] for one in drawn) < 0.05
    assert 0 < sum(not one.contrast for one in drawn) < 20


def test_layers_of_what_is_acquired_sum_and_every_epoch_has_another_device(runs):
    shown = Acquired(runs)
    first, second = shown.draw([0, 1], 0), shown.draw([0, 1], 1)
    assert not torch.equal(first.y, second.y)
    assert torch.equal(first.y, shown.draw([0, 1], 0).y)
    for example in (first, second):
        assert torch.allclose(example.truth[VESSELS] + example.truth[BACKGROUND], example.y, atol=1e-5)
        assert set(example.truth[GATE].unique().tolist()) <= {0.0, 1.0}
    assert shown.fingerprint() != Acquired(runs, seed=1).fingerprint()


def test_a_plain_device_without_noise_gives_what_the_simulator_has(tmp_path):
    quiet = DeviceRanges(quanta=(1e7, 1.0001e7), blur=(0.4, 0.4001), grain=(0.08, 0.0801))
    runs = CleanRuns(tmp_path, 1, CleanRunSettings(TrainingRunSettings(frames=2, size=512, start=(-2.4, -2.3)), empty=0.0))
    example = Acquired(runs, replace(PLAIN, devices=quiet)).draw([0], 0)
    settings = CleanRunSettings(TrainingRunSettings(frames=2, size=512, start=(-2.4, -2.3)), empty=0.0).draw(0)
    same = simulate_run(replace(settings, detector=DetectorSettings(blur=0.4)), 100_000)
    assert float((example.truth[VESSELS][0] - same.vessels).abs().max()) < 0.02
    agree = (example.truth[GATE][0] > 0.5) == same.mask
    assert float(agree.float().mean()) > 0.999


def test_local_gain_evens_details_and_keeps_layers():
    generator = torch.Generator().manual_seed(0)
    film = torch.randn(2, 64, 64, generator=generator) * torch.cat([torch.full((32,), 0.1), torch.full((32,), 0.4)])
    layer = 0.3 * film
    even, part = local_gain(film, layer, 6.0, 1.0)
    ratios = [float(one[..., 8:24].std() / one[..., 40:56].std()) for one in (film, even)]
    assert ratios[1] > 2 * ratios[0]
    assert torch.allclose(part, 0.3 * even, atol=1e-5)
    same, _ = local_gain(film, layer, 6.0, 0.0)
    assert torch.allclose(same, film, atol=1e-6)


def test_a_ghost_is_what_earlier_frames_leave():
    film = torch.zeros(3, 4, 4)
    film[0] = 1.0
    y, vessels = ghosted(film, film, 0.25)
    assert torch.allclose(y[:, 0, 0], torch.tensor([1.0, 0.25, 0.0625]))
    assert torch.allclose(vessels[:, 0, 0], torch.tensor([1.0, 0.0, 0.0]))


def test_compression_loses_little_and_more_at_a_lower_quality():
    picture = gaussian_blur(torch.randn(1, 64, 64, generator=torch.Generator().manual_seed(1)), 1.0)
    stored = (128 + 100 * picture).clamp(0, 255).round().to(torch.int32)
    errors = [float((compressed(stored, quality) - stored).abs().float().mean()) for quality in (95, 40)]
    assert 0 < errors[0] < errors[1] < 20


def test_text_and_borders_hide_a_part_of_the_picture():
    generator, seen = torch.Generator().manual_seed(0), []
    stored = torch.full((2, 96, 96), 100, dtype=torch.int32)
    for _ in range(40):
        frames, open_ = burn_in(stored, 255, generator)
        assert bool((frames[:, open_ > 0] == 100).all())
        assert set(frames.unique().tolist()) <= {0, 100, 255}
        seen.append(float(open_.mean()))
    assert 0.2 < min(seen) < 0.97 < max(seen) <= 1


def test_vessels_that_are_hidden_are_not_in_the_mask(runs):
    ranges = AcquisitionRanges(burnt_in=1.0, jpeg=0.0)
    shown, bare = Acquired(runs, ranges), Acquired(runs, AcquisitionRanges(burnt_in=0.0, jpeg=0.0))
    hidden = [float(bare.draw([1], e).truth[GATE].sum() - shown.draw([1], e).truth[GATE].sum()) for e in range(12)]
    assert max(hidden) > 0


def test_filled_runs_have_vessels():
    assert CleanRunSettings().draw(0).bolus == BolusSettings(start=(-2.4, 1.1), opacity=(0.25, 0.48))


def test_a_gate_is_put_right(runs):
    truth = torch.rand(20_000, generator=torch.Generator().manual_seed(3))
    said = torch.randn(20_000, generator=torch.Generator().manual_seed(4))
    vessel = (truth < torch.sigmoid(0.5 * said - 1.0)).float()
    factor, level = least_entropy(said, vessel)
    assert factor == pytest.approx(0.5, abs=0.06)
    assert level == pytest.approx(-1.0, abs=0.06)
    network = VesselNetwork((8, 8, 8), 2, 12.0)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    y = torch.rand(1, 2, 32, 32)
    before = network(y)
    network.rescale_gate(0.6, -0.7)
    after = network(y)
    assert torch.allclose(after["gate"], 0.6 * before["gate"] - 0.7, atol=1e-5)
    assert torch.allclose(after["vessels"], before["vessels"], atol=1e-5)
    assert torch.allclose(network.share(torch.sigmoid(after["gate"])), torch.sigmoid(before["gate"]), atol=1e-4)
    shown = Acquired(runs)
    calibrate_gate(network.eval(), shown, range(1))
    example = shown.draw(range(3), 0)
    gate = torch.sigmoid(network(example.y)["gate"].detach())
    assert float(gate.mean()) == pytest.approx(float(example.truth[GATE].mean()), rel=0.2)
