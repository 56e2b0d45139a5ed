"""Vessels out of moving backgrounds: separation, mask, movement, tree, and what cannot be separated."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from foreknow import L1, Component, Exact, Model, NuclearNorm
from foreknow.angiography.contrast import contrast_to_noise, maximum_opacity
from foreknow.angiography.exposed import frozen_frames
from foreknow.angiography.hysteresis import components_that_rise
from foreknow.angiography.mask import vessel_mask
from foreknow.angiography.mask_rule import GateRule, LayerRule
from foreknow.angiography.pan import find_pan, no_pan
from foreknow.angiography.separate import separate_run
from foreknow.angiography.settings import EnhanceSettings
from foreknow.angiography.simulate import MotionSettings, RunSettings, simulate_run
from foreknow.angiography.subspace import leading_courses, vessels_beyond
from foreknow.angiography.tree import vessel_tree
from foreknow.errors import DataError, ParameterError
from foreknow.priors import NonNegative
from foreknow.simulate.blur import gaussian_blur, moved
from foreknow.solve import classical_sparse_weight

STILL = MotionSettings(pan=0.0)


def dice(one, other):
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def best_dice(layer, mask):
    score = gaussian_blur(layer, 0.0036 * layer.shape[-1]).flatten()
    hits = mask.flatten()[score.argsort(descending=True)].cumsum(0)
    return float((2 * hits / (torch.arange(1, len(hits) + 1) + hits[-1])).max())


@pytest.fixture(scope="module")
def run():
    return simulate_run(RunSettings(frames=30, size=96, motion=STILL), 3)


@pytest.fixture(scope="module")
def separation(run):
    return separate_run(run.attenuation)


def test_layers_sum_to_the_run_and_show_the_vessels(run, separation):
    assert torch.equal(separation.vessels + separation.background, run.attenuation) or torch.allclose(
        separation.vessels + separation.background, run.attenuation, atol=1e-6
    )
    assert float(separation.vessels.min()) >= 0
    assert separation.converged
    assert separation.certificate <= 1e-3
    mask = vessel_mask(separation)
    assert dice(mask.binary, run.mask) > 0.5
    assert float((mask.soft[mask.score >= mask.threshold]).min()) >= 0.499
    error = (separation.vessels - run.vessels)[run.mask].abs().mean() / run.vessels[run.mask].mean()
    assert error < 0.45


@pytest.mark.parametrize(("seed", "frames", "rate"), [(21, 20, 7.5), (23, 36, 15.0)])
def test_two_solutions_find_more_than_plain_robust_pca(seed, frames, rate):
    run = simulate_run(RunSettings(frames=frames, size=96, rate=rate), seed)
    weight = classical_sparse_weight(run.attenuation, event_dims=3)
    sparse = L1(weight, event_dims=3) & NonNegative(event_dims=3)
    model = Model(background=Component(NuclearNorm(event_dims=3)), vessels=Component(sparse), noise=Exact())
    plain, found = model.solve(run.attenuation, tolerance=1e-3)["vessels"], separate_run(run.attenuation).vessels
    assert best_dice(found, run.mask) > best_dice(plain, run.mask) + 0.02
    lost, less = ((run.vessels - layer)[run.mask].mean() for layer in (plain, found))
    assert less < lost


def test_vessels_are_measured_against_the_course_of_their_background():
    generator = torch.Generator().manual_seed(0)
    course = 1 + 0.2 * torch.sin(torch.arange(16) / 2)
    still = course[:, None, None] * torch.rand(20, 20, generator=generator)
    truth = torch.zeros(16, 20, 20)
    for number in range(16):
        truth[number, number : number + 4, 3:17] = 0.5
    pale = 0.4 * truth  # as the weights of a sparse layer leave it
    frames, known = still + truth, torch.ones(16, 20, 20, dtype=torch.bool)
    found = vessels_beyond(frames, pale, leading_courses(frames - pale, 0.1), known)
    assert not found[truth == 0].any()
    assert float((found - truth).abs().sum()) < 0.5 * float((pale - truth).abs().sum())


def test_a_mask_is_made_by_the_rule_of_its_kind(separation):
    strict = vessel_mask(replace(separation, mask_rule=LayerRule(level=6.0, peak=20.0)))
    mask = vessel_mask(separation)
    assert strict.threshold == pytest.approx(2 * mask.threshold)
    assert bool(mask.binary[strict.binary].all())
    assert int(strict.binary.sum()) < int(mask.binary.sum())
    with pytest.raises(ParameterError, match="there is none"):
        vessel_mask(replace(separation, mask_rule=GateRule()))


def test_components_rise_and_are_large_enough():
    score = torch.zeros(2, 12, 12)
    score[0, 1:5, 1:5], score[0, 2, 2] = 1.0, 3.0
    score[0, 8, 8] = 9.0  # too small
    score[1, 1:5, 1:5] = 1.0  # too low
    found = components_that_rise(score, 0.5, 2.0, 4)
    assert found[0].nonzero().amin().item() == 1
    assert int(found.sum()) == 16
    assert not found[1].any()


def test_a_run_without_contrast_agent_gives_little():
    run = simulate_run(RunSettings(frames=24, size=96, contrast=False, catheter=None, motion=STILL), 2)
    separation = separate_run(run.attenuation)
    assert float(vessel_mask(separation).binary.float().mean()) < 0.03  # edges that breathe; see the benchmark
    assert float(separation.vessels.mean()) < 0.01


def test_large_frames_are_separated_at_a_reduced_size(run, separation):
    doubled = run.attenuation.repeat_interleave(2, -1).repeat_interleave(2, -2)
    found = separate_run(doubled, settings=EnhanceSettings(working_side=96))
    assert found.vessels.shape == doubled.shape
    assert torch.allclose(found.vessels + found.background, doubled, atol=1e-5)
    pair = torch.stack((found.vessels[:, ::2, ::2].flatten(), separation.vessels.flatten()))
    assert float(torch.corrcoef(pair)[0, 1]) > 0.9


def test_shutters_stay_empty(run):
    opened = torch.zeros(96, 96, dtype=torch.bool)
    opened[10:86, 12:80] = True
    found = separate_run(run.attenuation, opened)
    assert not found.vessels[:, ~opened].any()
    assert not vessel_mask(found).binary[:, ~opened].any()


def test_exposure_that_flickers_is_no_noise():
    generator = torch.Generator().manual_seed(0)
    still = gaussian_blur(torch.randn(1, 96, 96, generator=generator), 3.0)
    frames = still + 0.05 * torch.randn(20, 1, 1, generator=generator) + 0.02 * torch.randn(20, 96, 96, generator=generator)
    truth = torch.zeros(20, 96, 96, dtype=torch.bool)
    for number, (frame, where) in enumerate(zip(frames, truth, strict=True)):
        where[20:80, 10 + 4 * number : 15 + 4 * number] = True
        frame[where] += 0.6
    found = separate_run(frames)
    assert found.noise == pytest.approx(0.02, rel=0.1)
    assert dice(vessel_mask(found).binary, truth) > 0.7


@pytest.mark.parametrize("shown", [1, 5])
def test_few_frames_end_in_a_sentence(run, shown):
    with pytest.raises(DataError, match=r"run-007 has . frames?, and separation by movement needs 6"):
        separate_run(run.attenuation[:shown], name="run-007")


def test_short_runs_are_separated_with_a_notice(run):
    found = separate_run(run.attenuation[10:18])
    assert any("only 8 frames" in notice for notice in found.notices)


def test_runs_without_changes_or_pictures_end_in_a_sentence(run):
    with pytest.raises(DataError, match="same picture in all"):
        separate_run(run.attenuation[:1].expand(10, -1, -1).contiguous())
    with pytest.raises(DataError, match="black in all frames"):
        separate_run(torch.full((10, 40, 40), 9.0), darkest=9.0)
    with pytest.raises(DataError, match="without a picture"):
        separate_run(torch.arange(10.0)[:, None, None].expand(10, 40, 40).contiguous())
    frozen = run.attenuation[:12].clone()
    frozen[5] = frozen[4]
    assert frozen_frames(frozen).nonzero().flatten().tolist() == [5]
    assert any("1 of 12 frames repeat" in notice for notice in separate_run(frozen).notices)


def test_settings_out_of_range():
    with pytest.raises(ParameterError):
        EnhanceSettings(found_weight=3.0)
    with pytest.raises(ParameterError, match="in order"):
        LayerRule(level=5.0, peak=3.0)
    with pytest.raises(ParameterError, match="between 0 and 1"):
        GateRule(peak=1.5)
    with pytest.raises(ParameterError):
        EnhanceSettings(working_side=8)


def test_a_pan_is_found_and_undone():
    generator = torch.Generator().manual_seed(0)
    picture = gaussian_blur(torch.randn(160, 160, generator=generator)[None], 2.0)[0]
    path = torch.cat((torch.zeros(4, 2), torch.linspace(0, 12, 8)[:, None] * torch.tensor([[1.0, -2.0]]))).round()
    frames = moved(picture, path, (96, 96)) + 0.01 * torch.randn(12, 96, 96, generator=generator)
    pan = find_pan(frames, torch.ones(96, 96, dtype=torch.bool))
    assert (pan.shifts - path.long()).abs().max() <= 1
    assert pan.reach == pytest.approx(math.hypot(12, 24), abs=2)
    placed, seen = pan.align(frames), pan.align(torch.ones_like(frames, dtype=torch.bool))
    common = seen.all(0)
    assert float((placed[:, common] - placed[0, common]).abs().mean()) < 0.2 * float(frames.std())
    assert torch.equal(pan.restore(placed, (96, 96)), frames)


def test_what_stays_does_not_pan(run):
    assert find_pan(run.attenuation[:1], torch.ones(96, 96, dtype=torch.bool)).reach == 0
    noise = torch.randn(10, 64, 64, generator=torch.Generator().manual_seed(1))
    assert (
        find_pan(noise * 0.01 + torch.randn(64, 64, generator=torch.Generator().manual_seed(2)), torch.ones(64, 64) > 0).reach == 0
    )
    assert no_pan(3, (4, 5)).align(noise[:3]) is not None


def test_a_run_that_pans_is_separated_in_place():
    run = simulate_run(RunSettings(frames=24, size=96, motion=MotionSettings(pan=1.0, pan_length=(20.0, 25.0))), 1)
    found = separate_run(run.attenuation, settings=EnhanceSettings(pan_gain=1.0))
    assert torch.allclose(found.vessels + found.background, run.attenuation, atol=1e-5)
    assert any("the whole picture moves" in notice for notice in found.notices)


def test_the_tree_of_a_drawn_mask():
    mask = np.zeros((3, 60, 80), dtype=bool)
    mask[1, 28:33, 5:75] = True  # 5 pixels wide, 70 long
    mask[1, 5:30, 40:43] = True  # 3 wide, meets it in the middle
    vessels = mask.astype(np.float32) * np.array([0.0, 1.0, 0.0], dtype=np.float32)[:, None, None]
    tree = vessel_tree(mask, vessels)
    assert tree.frame == 1
    assert len(tree.branches) == 3
    assert [branch.number for branch in tree.branches] == [1, 2, 3]
    assert sorted(round(branch.width) for branch in tree.branches) == [3, 5, 5]
    assert tree.length == pytest.approx(66 + 23, abs=12)
    for branch in tree.branches:
        assert branch.peak_frame == 1
        assert branch.contrast.tolist() == pytest.approx([0, 1, 0])


def test_an_empty_mask_has_no_tree():
    empty = np.zeros((2, 8, 8), dtype=bool)
    tree = vessel_tree(empty, empty.astype(np.float32))
    assert tree.branches == ()
    assert tree.length == 0


def test_contrast_to_noise_and_opacity():
    generator = torch.Generator().manual_seed(0)
    layer = 0.5 * torch.randn(2, 200, 200, generator=generator)
    mask = torch.zeros(2, 200, 200, dtype=torch.bool)
    mask[0, 50:100, 50:100] = True
    layer[mask] += 2.0
    ratio = contrast_to_noise(layer, mask)
    assert float(ratio[0]) == pytest.approx(4, rel=0.05)
    assert bool(ratio[1].isnan())
    assert torch.equal(maximum_opacity(layer), torch.maximum(layer[0], layer[1]))
