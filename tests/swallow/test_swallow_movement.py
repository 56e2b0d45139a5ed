"""The neck is found, followed and mapped, whatever the camera and its faults."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from foreknow.errors import DataError, ParameterError
from foreknow.files.depth import Intrinsics
from foreknow.swallow.movement import (
    CELLS,
    RATE,
    FeatureStream,
    RigidTracker,
    features_of,
    find_neck,
    read_trial_features,
    trial_features,
    write_trial_features,
)
from foreknow.swallow.movement.neck_region import reduced
from foreknow.swallow.simulate import (
    Bump,
    CameraSettings,
    Channel,
    ConfounderSettings,
    Kind,
    MotionSettings,
    NoiseSettings,
    TrialSettings,
    only,
    preset,
    simulate_trial,
    sum_of_bumps,
)
from foreknow.swallow.simulate.varied import varied_settings, with_pixels

STILL = MotionSettings(breathing_mm=(0.0, 0.0), pulse_mm=(0.0, 0.0), sway_mm=(0.0, 0.0), sway_degrees=(0.0, 0.0))


def quiet(seconds=1.0, **changes):
    base = only(Kind.SPEECH, preset("easy"), 0.0)
    return with_pixels(replace(base, seconds=seconds, **changes), 64)


def test_larynx_is_found_at_several_distances_and_sizes():
    for seed, side in ((1, 64), (2, 96), (5, 160)):
        settings = only(Kind.SPEECH, preset("normal"), 0.0)
        trial = simulate_trial(with_pixels(replace(settings, seconds=0.6), side), seed)
        region = find_neck(trial.video.frames[:15].nanmean(0), trial.video.intrinsics)
        right, down, away = region.larynx
        assert region.chin_found
        assert abs(right) < 4
        assert abs(down) < 10
        assert away == pytest.approx(trial.distance_mm, abs=15)
        assert region.camera.fx * region.factor == pytest.approx(trial.video.intrinsics.fx)


def test_neck_is_found_between_head_and_shoulders_before_a_wall():
    depth = torch.full((240, 320), 1.6)
    rows, columns = torch.meshgrid(torch.arange(240.0), torch.arange(320.0), indexing="ij")
    camera = Intrinsics(320, 240, 300.0, 300.0, 159.5, 119.5)  # 1.8 mm a pixel at 0.55 m
    x = columns - 150
    for top, bottom, half, near in ((20, 90, 48, 0.55), (90, 150, 33, 0.56), (150, 240, 110, 0.57)):
        part = (rows >= top) & (rows < bottom) & (x.abs() < half)
        depth[part] = near + 0.05 * (1 - (1 - (x / half).square()).clamp(min=0).sqrt())[part]
    region = find_neck(depth, camera)
    assert region.top < 110 < region.top + region.height
    assert region.left < 150 < region.left + region.width
    assert region.width * 1.85 < 200


def test_scenes_without_a_neck_are_refused():
    camera = Intrinsics(64, 64, 200.0, 200.0, 31.5, 31.5)
    with pytest.raises(DataError, match="next to nothing"):
        find_neck(torch.full((64, 64), torch.nan), camera)
    wide = Intrinsics(640, 480, 600.0, 600.0, 319.5, 239.5)
    with pytest.raises(DataError, match="no neck"):
        find_neck(torch.full((480, 640), 1.0), wide)


def test_reduced_means_what_is_seen():
    picture = torch.tensor([[1.0, 3.0, torch.nan, torch.nan], [5.0, 7.0, torch.nan, 4.0]])
    assert torch.equal(reduced(picture, 2).nan_to_num(-1), torch.tensor([[4.0, -1.0]]))


def test_rigid_motion_is_undone():
    moving = replace(STILL, sway_mm=(4.0, 4.0), sway_degrees=(2.0, 2.0))
    trial = simulate_trial(quiet(4.0, motion=moving, noise=NoiseSettings(0.05, step_mm=0.01, common_mm=0.0, drift_mm=0.0)), 4)
    region = find_neck(trial.clean[0], trial.video.intrinsics)
    tracker = RigidTracker(region.working_picture(trial.clean[0]), region.camera, region.larynx)
    moved = [tracker.step(region.working_picture(frame)) for frame in trial.clean]
    untouched = 1000 * (trial.clean[-1] - trial.clean[0])
    left = moved[-1].residual[moved[-1].seen]
    assert float(left.abs().median()) < 0.15
    assert float(left.abs().median()) < 0.2 * float(untouched[~untouched.isnan()].abs().median())
    turned = torch.rad2deg(moved[-1].pose[:3]).double() - torch.rad2deg(trial.angles[:, -1] - trial.angles[:, 0])
    assert float(turned[:2].abs().max()) < 1.0


def test_common_offset_of_a_frame_leaves_the_map_alone():
    trial = simulate_trial(quiet(0.7, motion=STILL), 1)
    frames = trial.video.frames.clone()
    frames[18:] += 0.002
    table, _, _ = features_of(replace(trial.video, frames=frames))
    before, after = table.change[12:17].mean(0), table.change[-2:].mean(0)
    seen = table.weight[-1] > 0.9
    assert float((after - before)[seen].abs().median()) < 0.2
    assert float(table.pose[-1, 5] - table.pose[10, 5]) == pytest.approx(2.0, abs=0.3)


def test_swallow_shows_on_the_map_where_the_larynx_was():
    settings = replace(with_pixels(preset("easy"), 64), seconds=4.0)
    settings = replace(settings, schedule=replace(settings.schedule, count=1, first=(1.0, 1.2)), confounders=ConfounderSettings())
    found = trial_features(simulate_trial(settings, 3))
    change = found.table.change
    top = int(found.lift.argmax())
    table = (change[top] - change[:20].mean(0)).reshape(24, 20)
    middle = table[:, 8:12].mean(1)
    above, below = middle[3:12], middle[12:20]
    assert float(above.min()) < -1.0  # nearer where the prominence has gone
    assert float(below.max()) > 0.5  # farther where it was
    assert float(below.max() - above.min()) > 2.5


def test_features_come_at_even_times_whatever_the_delivery():
    trial = simulate_trial(quiet(3.0), 2)
    video = trial.video
    kept = [place for place in range(90) if place not in {30, 31, 50} and not 60 <= place < 75]
    frames, times = video.frames[kept].clone(), video.timestamps[kept]
    frames[10] = frames[9]  # came twice
    frames[20] = torch.nan  # saw nothing
    table, _, delivery = features_of(replace(video, frames=frames, timestamps=times))
    assert torch.allclose(table.seconds.diff(), torch.full((len(table.seconds) - 1,), 1 / RATE, dtype=torch.float64))
    assert len(table.seconds) >= 88
    assert delivery.repeated == 1
    assert delivery.empty == 1
    assert 8 <= delivery.missed <= 16
    gap = (table.seconds > 60.6 / RATE) & (table.seconds < 74.4 / RATE)
    assert float(table.share[gap].max()) == 0
    assert float(table.share[45:55].min()) > 0.5
    assert bool(table.change.isfinite().all())


def test_other_frame_rates_give_the_same_times():
    for rate in (15.0, 60.0):
        trial = simulate_trial(quiet(2.0, rate=rate), 2)
        table, _, delivery = features_of(trial.video)
        assert abs(len(table.seconds) - 60) <= 3
        assert delivery.missed == 0


def test_streams_refuse_other_sizes_and_short_recordings_still_count():
    stream = FeatureStream(Intrinsics(64, 64, 300.0, 300.0, 31.5, 31.5))
    with pytest.raises(DataError, match="are expected"):
        stream.push(torch.ones(32, 64), 0.0)
    assert FeatureStream(Intrinsics(64, 64, 300.0, 300.0, 31.5, 31.5)).finish() == []
    trial = simulate_trial(quiet(0.2), 1)
    table, region, _ = features_of(trial.video)
    assert len(table.seconds) >= 5
    assert region.camera.width <= 64
    with pytest.raises(ParameterError, match="focal length"):
        features_of(replace(trial.video, intrinsics=None))


def test_times_that_jump_are_refused():
    trial = simulate_trial(quiet(1.0), 1)
    with pytest.raises(DataError, match=r"two frames \d+ s apart"):
        features_of(replace(trial.video, timestamps=3000 * trial.video.timestamps))


def test_trials_are_kept_in_files(tmp_path):
    found = trial_features(simulate_trial(varied_settings(3, seconds=2.0), 3))
    write_trial_features(tmp_path / "a.safetensors", found)
    again = read_trial_features(tmp_path / "a.safetensors")
    assert again.events == found.events
    assert torch.allclose(again.table.change, found.table.change, atol=0.02)
    assert again.table.change.shape[1] == CELLS


def test_varied_settings_cover_the_range():
    drawn = [varied_settings(seed) for seed in range(60)]
    noises = [settings.noise.sd_mm for settings in drawn]
    assert min(noises) < 0.5
    assert max(noises) > 2.0
    empty = sum(settings.schedule.counts == (0, 0) for settings in drawn)
    assert 5 <= empty <= 30
    assert varied_settings(5) == varied_settings(5)
    wide = with_pixels(TrialSettings(camera=CameraSettings(width=160, height=160)), 80)
    assert wide.camera.pixel_mm == pytest.approx(1.7)
    assert wide.noise.correlation_px == pytest.approx(1.25)


def test_bumps_have_the_peak_that_the_truth_says():
    times = torch.linspace(0, 3, 301, dtype=torch.float64)
    course = sum_of_bumps([Bump(Channel.LARYNX, 1.0, 0.3, 0.4, 0.5, 20.0)], times)[Channel.LARYNX]
    assert math.isclose(float(course.max()), 20.0)
    assert np.isclose(float(times[course > 19.999].mean()), 1.5, atol=0.02)
