import itertools
import math
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from foreknow.errors import DataError, ParameterError
from foreknow.files.depth import DepthVideo, Intrinsics, inspect_depth, read_depth
from foreknow.swallow.simulate import (
    DEVICES,
    EVERY_CONFOUNDER,
    Bump,
    CameraSettings,
    Channel,
    ConfounderSettings,
    DeliverySettings,
    HoleSettings,
    Kind,
    MotionSettings,
    NeckSettings,
    NoiseSettings,
    Preset,
    ScheduleSettings,
    SwallowSettings,
    TrialSettings,
    fit_breathing,
    fit_noise,
    only,
    preset,
    simulate_trial,
    sum_of_bumps,
)
from foreknow.swallow.simulate.camera import poses
from foreknow.swallow.simulate.delivery import draw_delivery
from foreknow.swallow.simulate.holes import HoleSource
from foreknow.swallow.simulate.motion import draw_motion
from foreknow.swallow.simulate.neck import draw_neck
from foreknow.swallow.simulate.noise import NoiseSource, correlated_noise
from foreknow.swallow.simulate.renderer import Renderer
from foreknow.swallow.simulate.schedule import draw_schedule

SMALL = CameraSettings(width=48, height=48, pixel_mm=2.7, offset_mm=0.0)
QUIET = ConfounderSettings()


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def small(name="easy", **changes):
    return replace(preset(name), camera=SMALL, **changes)


# ------------------------------------------------------------------------------------------------------------------ kinematics
def test_a_bump_is_a_raised_cosine_with_a_hold():
    times = torch.linspace(0, 3, 3001, dtype=torch.float64)
    course = sum_of_bumps([Bump(Channel.LARYNX, 1.0, 0.25, 0.3, 0.5, 20.0), Bump(Channel.JAW, 0.5, 0.1, 0.0, 0.1, 2.0)], times)
    lift = course[Channel.LARYNX]
    assert course.shape == (len(Channel), 3001)
    assert bool((lift[times <= 1.0] == 0).all())
    assert bool((lift[times >= 2.05].abs() < 1e-9).all())
    assert torch.allclose(lift[(times > 1.2501) & (times < 1.549)], torch.tensor(20.0, dtype=torch.float64))
    assert float(lift[1125]) == pytest.approx(10.0, rel=1e-6)
    assert float(lift.diff().max() * 1000) == pytest.approx(20 * math.pi / 2 / 0.25, rel=1e-3)  # mm/s: 0.13 m/s for 20 mm in 0.25 s
    assert float(course[Channel.JAW].max()) == pytest.approx(2.0)
    assert float(course[Channel.TURN].abs().max()) == 0
    assert sum_of_bumps([], times).shape == course.shape


def test_swallows_have_the_published_kinematics():
    settings, swallows = ScheduleSettings(count=8), SwallowSettings(double=0.0)
    amplitudes, durations = [], []
    for seed in range(12):
        events, bumps = draw_schedule(settings, swallows, QUIET, 30.0, seeded(seed))
        assert len(events) == 8
        for event in events:
            lift = next(bump for bump in bumps if bump.channel is Channel.LARYNX and bump.start == event.onset)
            lead = next(bump for bump in bumps if bump.channel is Channel.SUBMENTAL and bump.start <= event.onset <= bump.end)
            assert lead.start < lift.start
            assert event.onset < event.peak < event.end == pytest.approx(lift.end)
            amplitudes.append(event.amplitude)
            durations.append(event.duration)
    assert 14 <= min(amplitudes) < max(amplitudes) <= 24
    assert 0.65 <= min(durations) < max(durations) <= 1.4 * 1.45


def test_gaps_grow_and_double_swallows_are_two_events():
    settings = ScheduleSettings(count=7, growth=(1.25, 1.25), spread=0.05)
    gaps = []
    for seed in range(20):
        events, _ = draw_schedule(settings, SwallowSettings(double=0.0), QUIET, 30.0, seeded(seed))
        gaps.append(torch.tensor([event.onset for event in events]).diff())
    mean = torch.stack(gaps).mean(0)
    assert bool((mean.diff() > 0).all())
    found = 0
    for seed in range(10):
        events, _ = draw_schedule(ScheduleSettings(count=6), SwallowSettings(double=0.6), QUIET, 30.0, seeded(seed))
        assert len(events) == 6
        for first, second in itertools.pairwise(events):
            if second.second:
                found += 1
                assert 0.8 < second.onset - first.onset < 1.5 * 1.4
    assert found > 5


def test_all_confounders_occur_are_labelled_and_keep_clear_of_swallows():
    seen = {}
    rates = replace(EVERY_CONFOUNDER, **dict.fromkeys(("aborted", "speech", "throat", "cough", "chewing", "turn", "nod"), 4.0))
    for seed in range(8):
        events, _ = draw_schedule(ScheduleSettings(count=3, overlap=False), SwallowSettings(), rates, 30.0, seeded(seed))
        assert all(0 <= event.onset < event.peak < event.end <= 30 for event in events)
        swallows = [event for event in events if event.kind is Kind.SWALLOW]
        for event in events:
            seen.setdefault(event.kind, []).append(event)
            if event.kind is not Kind.SWALLOW:
                assert all(event.end <= other.onset or other.end <= event.onset for other in swallows)
    assert set(seen) == set(Kind)
    assert max(event.amplitude for event in seen[Kind.ABORTED]) < 0.5 * 24 + 1e-9
    assert max(event.amplitude for event in seen[Kind.SPEECH]) <= 8
    assert max(event.amplitude for event in seen[Kind.TURN]) <= 18


def test_twelve_swallows_fit_and_thirty_do_not():
    events, _ = draw_schedule(ScheduleSettings(count=12), SwallowSettings(slowness=(1, 1)), QUIET, 30.0, seeded())
    assert len(events) == 12
    assert events[-1].end < 30
    with pytest.raises(ParameterError, match="do not fit"):
        draw_schedule(ScheduleSettings(count=30), SwallowSettings(), QUIET, 30.0, seeded())
    counts = set()
    for seed in range(40):
        drawn, _ = draw_schedule(ScheduleSettings(), SwallowSettings(slowness=(1.8, 1.8)), QUIET, 30.0, seeded(seed))
        counts.add(len(drawn))
    assert min(counts) == 0
    assert 9 <= max(counts) <= 12


# -------------------------------------------------------------------------------------------------------------------- geometry
def test_rays_meet_the_skin_to_within_a_few_hundredths_of_a_millimetre():
    neck = draw_neck(NeckSettings(), seeded())
    camera = Intrinsics(64, 64, 64 * 500 / 136, 64 * 500 / 136, 31.5, 31.5)
    angles = torch.zeros(3, 3)
    angles[1] = torch.tensor([0.0, 0.1, 0.2])
    course = torch.tensor([[0.0, 15, 20], [0, 1, 2], [0, 2, 4], [0, 1, 0], [0.5, 1, -1], [0.1, 0, 0]])
    pose = poses(500.0, 15.0, angles, torch.zeros(3, 3))
    view = Renderer(neck, camera, 500.0, "cpu", torch.float32).view(pose, course)
    exact = Renderer(neck, camera, 500.0, "cpu", torch.float64)
    directions = pose.rotation.transpose(1, 2) @ camera.rays(torch.float64).reshape(3, -1)
    origin = -(pose.rotation.transpose(1, 2) @ pose.translation[:, :, None])
    depth = view.depth.double().flatten(1)
    x, y, z = (origin + depth[:, None] * directions).unbind(1)
    found = exact._sample(exact._tables, x, y)
    gap = found[0] - exact._prominence(x, y, course.double()) - exact._softly(x, y, found, course.double()) - z
    facing = view.facing.flatten(1) > 0.5
    assert float(gap[facing].abs().quantile(0.9)) < 0.03
    assert float(gap[facing].abs().quantile(0.99)) < 0.15
    assert 0 <= float(view.facing.min()) <= float(view.facing.max()) <= 1 + 1e-6


def test_a_lift_moves_the_prominence_up_by_its_amount():
    neck = replace(draw_neck(NeckSettings(texture_mm=(0.0, 0.0)), seeded()))
    camera = Intrinsics(128, 128, 500.0, 500.0, 63.5, 63.5)  # 1 mm a pixel at 500 mm
    course = torch.zeros(6, 2)
    course[0, 1] = 15.0
    flat = replace(neck, prominence=0.0)
    pose = poses(500.0, 0.0, torch.zeros(3, 2), torch.zeros(3, 2))
    bump = Renderer(flat, camera, 500.0, "cpu", torch.float64).view(pose, course).depth
    bump = bump - Renderer(neck, camera, 500.0, "cpu", torch.float64).view(pose, course).depth
    rows = bump[:, :, 63].argmax(1)
    assert int(rows[0] - rows[1]) == pytest.approx(15, abs=1)
    assert float(bump[0].max()) == pytest.approx(neck.prominence, rel=0.05)


def test_head_motion_is_rigid():
    angles, position = torch.zeros(3, 2), torch.zeros(3, 2)
    angles[1, 1], position[2, 1] = 0.3, -4.0
    pose = poses(500.0, 10.0, angles, position)
    unit = torch.eye(3, dtype=torch.float64)
    assert torch.allclose(pose.rotation @ pose.rotation.transpose(1, 2), unit.expand(2, 3, 3), atol=1e-12)
    pivot = torch.tensor([0.0, 25, 60], dtype=torch.float64)
    moved = pose.rotation[1] @ pivot + pose.translation[1] - pose.rotation[0] @ pivot - pose.translation[0]
    tilt = math.radians(10)
    assert torch.allclose(moved, torch.tensor([0, -4 * math.sin(tilt), -4 * math.cos(tilt)], dtype=torch.float64), atol=1e-12)


# ----------------------------------------------------------------------------------------------------------------------- trial
def test_a_trial_is_reproducible_and_its_parts_agree():
    settings = small("hard", seconds=6.0, schedule=ScheduleSettings(count=2))
    first, second, other = (simulate_trial(settings, seed) for seed in (3, 3, 4))
    assert torch.equal(first.video.frames.nan_to_num(0), second.video.frames.nan_to_num(0))
    assert torch.equal(first.video.timestamps, second.video.timestamps)
    assert first.events == second.events
    assert first.video.frames.shape != other.video.frames.shape or not torch.equal(first.clean, other.clean)
    assert len(first.swallows) == 2
    assert first.video.frames.dtype == torch.float32
    assert len(first.lift) == len(first.larynx) == len(first.breathing) == len(first.video.frames) == 180 - first.dropped
    quality = inspect_depth(first.video)
    assert quality.dropped == first.dropped
    assert quality.repeated == first.repeated
    noise = (first.video.frames - first.clean)[first.video.valid] * 1000
    assert float(noise.abs().median()) < 4
    counts = first.video.frames[first.video.valid].double() * 1000
    assert float((counts - counts.round()).abs().max()) < 1e-3
    tops = torch.stack([first.lift[(first.video.timestamps - event.peak).abs().argmin()] for event in first.swallows])
    expected = torch.tensor([event.amplitude for event in first.swallows], dtype=torch.float64)
    assert torch.allclose(tops, expected, rtol=0.02)


def test_float64_and_float32_see_the_same():
    settings = small(seconds=1.0, schedule=ScheduleSettings(count=0))
    one, two = (simulate_trial(settings, 1, dtype=dtype) for dtype in (torch.float32, torch.float64))
    assert float((one.clean - two.clean).abs().max()) < 1e-6


def test_the_larynx_is_seen_in_easy_trials():
    settings = small(seconds=12.0, schedule=ScheduleSettings(count=4), confounders=QUIET)
    trial = simulate_trial(settings, 2)
    frames = torch.where(trial.video.valid, trial.video.frames, trial.clean)
    active, rest = trial.lift > 0.9 * trial.lift.max(), trial.lift == 0
    template = trial.clean[active].mean(0) - trial.clean[rest].mean(0)
    inner = slice(8, 40)
    template = template[inner, inner].flatten()
    template = template - template.mean()
    data = frames[:, inner, inner].flatten(1)
    feature = (data - data.mean(1, keepdim=True)) @ template
    correlation = torch.corrcoef(torch.stack((feature.double(), trial.lift)))[0, 1]
    assert float(correlation) > 0.9


def test_clips_of_one_confounder_have_no_swallow():
    for kind in (Kind.SPEECH, Kind.CHEWING, Kind.TURN):
        trial = simulate_trial(replace(only(kind, small()), seconds=8.0), 1)
        assert trial.swallows == ()
        assert {event.kind for event in trial.events} == {kind}
        assert float(trial.lift.abs().max()) == 0
    with pytest.raises(ParameterError):
        only(Kind.SWALLOW)


def test_presets_are_the_rows_of_the_table():
    rows = {
        name: (preset(name).neck.prominence_mm[0], preset(name).noise.sd_mm, preset(name).noise.correlation_px) for name in Preset
    }
    assert rows == {"easy": (4.0, 0.3, 1.0), "normal": (4.0, 1.0, 2.5), "hard": (1.5, 2.0, 3.0)}
    with pytest.raises(ValueError, match="impossible"):
        preset("impossible")


# ----------------------------------------------------------------------------------------------------------------------- noise
def observed(settings, depth, count=60, seed=0):
    source = NoiseSource(settings, depth.shape[-2:], count, 30.0, seeded(seed))
    scene = depth.expand(count, *depth.shape[-2:])
    return source.observe(0, scene, torch.ones_like(scene)) - scene


def test_noise_has_its_law():
    near, far = torch.full((64, 64), 400.0), torch.full((64, 64), 800.0)
    settings = NoiseSettings(1.0, common_mm=0.0, drift_mm=0.0, step_mm=0.001, standing=0.0)
    assert float(observed(settings, near).std()) == pytest.approx(0.64, rel=0.04)
    assert float(observed(settings, far).std()) == pytest.approx(2.56, rel=0.04)
    for correlation in (0.0, 1.0, 2.5):
        field = correlated_noise(40, (64, 64), (correlation, 2 * correlation), seeded())
        assert float(field.std()) == pytest.approx(1, rel=0.05)
        for lag in (1, 3):
            expected = math.exp(-(lag**2) / (4 * correlation**2)) if correlation else 0.0
            assert float((field[:, lag:] * field[:, :-lag]).mean()) == pytest.approx(expected, abs=0.04)
            expected = math.exp(-(lag**2) / (16 * correlation**2)) if correlation else 0.0
            assert float((field[..., lag:] * field[..., :-lag]).mean()) == pytest.approx(expected, abs=0.05)
    common = observed(NoiseSettings(0.0, common_mm=0.5, drift_mm=0.0, step_mm=0.001), near, 400)
    assert float(common.flatten(1).std(1).max()) < 1e-3
    assert float(common.mean((1, 2)).std()) == pytest.approx(0.5 * 0.64, rel=0.12)
    grainy = correlated_noise(40, (64, 64), (2.0, 2.0), seeded(), white=0.4)
    assert float(grainy.std()) == pytest.approx(1, rel=0.05)
    assert float((grainy[:, 1:] * grainy[:, :-1]).mean()) == pytest.approx(0.6 * math.exp(-1 / 16), abs=0.04)
    standing = observed(replace(settings, standing=1.0, standing_seconds=100.0), near)
    assert float((standing[1:] - standing[:-1]).abs().max()) < 0.01
    patchy = observed(replace(settings, patchiness=0.5, correlation_px=0.0), near)
    assert float(patchy.std()) == pytest.approx(0.64, rel=0.15)
    assert float(patchy.pow(4).mean() / patchy.square().mean() ** 2) > 4.5
    steps = (observed(NoiseSettings(3.0, disparity_step_mm=4.0, step_mm=0.01), far) + far).unique()
    assert float(steps.diff().median()) == pytest.approx(4.0 * 1.6**2, rel=0.05)
    assert float(NoiseSettings.time_of_flight(1.0).at(torch.tensor(500.0), torch.tensor(0.5))) == pytest.approx(2.0)
    assert NoiseSettings.stereo(0.08, 1005, 55).sd_mm == pytest.approx(0.36, abs=0.01)
    assert DEVICES["d435"].sd_mm == pytest.approx(0.9, abs=0.01)


def test_holes_are_where_they_belong():
    depth = torch.full((4, 40, 60), 500.0)
    depth[:, :, 30:] = 530.0
    depth[:, :5] = 150.0
    facing = torch.ones_like(depth)
    facing[:, 35:] = 0.1
    source = HoleSource(HoleSettings(blobs=0.0), (40, 60), 4, 30.0, seeded())
    hidden = source.holes(0, depth, facing, None)
    assert bool(hidden[:, :5].all())
    assert bool(hidden[:, 35:].all())
    assert bool(hidden[:, 6:35, 29:31].all())
    assert not bool(hidden[:, 7:35, :28].any())
    flat = torch.full((200, 96, 96), 500.0)
    share = HoleSource(HoleSettings(blobs=0.05), (96, 96), 200, 3.0, seeded()).holes(0, flat, torch.ones_like(flat), None)
    assert float(share.double().mean()) == pytest.approx(0.05, abs=0.02)
    hair = torch.zeros_like(flat)
    hair[..., :48] = 0.6
    share = HoleSource(HoleSettings(blobs=0.01), (96, 96), 200, 3.0, seeded()).holes(0, flat, torch.ones_like(flat), hair)
    assert float(share[..., :48].double().mean()) == pytest.approx(0.6, abs=0.08)


def test_frames_are_lost_and_come_twice_as_often_as_asked():
    delivery = draw_delivery(DeliverySettings(0.1, 0.2, 3.0), 3000, 30.0, seeded())
    assert len(delivery.kept) == pytest.approx(2700, abs=60)
    assert len(delivery.repeated) == pytest.approx(540, abs=60)
    assert bool((delivery.times.diff() >= 0).all())
    assert bool((delivery.content <= torch.arange(len(delivery.content))).all())


def slanted(settings, count=48, seed=0, invalid=0.03):
    """A wall from 400 to 900 mm seen with known noise."""
    depth = torch.linspace(400, 900, 192)[:, None].expand(192, 160)
    frames = (observed(settings, depth, count, seed) + depth) / 1000
    frames[torch.rand(frames.shape, generator=seeded(seed + 1)) < invalid] = torch.nan
    frames[7] = frames[6]
    return DepthVideo(frames.float(), torch.arange(count, dtype=torch.float64) / 30)


@pytest.mark.parametrize(("correlation", "stretch", "sd"), [(1.0, 1.0, 0.5), (2.5, 1.0, 1.0), (1.5, 2.0, 0.8)])
def test_noise_is_measured_back(correlation, stretch, sd):
    settings = NoiseSettings(
        sd, correlation_px=correlation, stretch=stretch, common_mm=0.3, drift_mm=0.0, step_mm=0.1, standing=0.3
    )
    fit = fit_noise(slanted(settings))
    scale = (fit.reference_mm / 500) ** 2
    assert fit.sd_mm == pytest.approx(sd * 0.7**0.5 * scale, rel=0.08)
    assert fit.exponent_fitted
    assert fit.exponent == pytest.approx(2.0, abs=0.2)
    assert fit.correlation_px == pytest.approx(correlation, rel=0.15)
    assert fit.stretch == pytest.approx(stretch, rel=0.25)
    assert fit.standing_mm == pytest.approx(sd * 0.3**0.5 * scale, rel=0.25)
    assert fit.common_mm == pytest.approx(0.3 * (650 / 500) ** 2, rel=0.35)  # 45 second differences
    assert fit.step_mm == pytest.approx(0.1, rel=0.02)
    assert fit.disparity_step_mm == 0
    assert fit.invalid == pytest.approx(0.03, abs=0.005)
    assert fit.repeated == pytest.approx(1 / 48)
    again = fit.settings(flat=True)
    assert again.white < 0.05
    assert again.sd_mm == pytest.approx(sd * scale, rel=0.12)
    assert again.standing == pytest.approx(0.3, abs=0.12)


def test_steps_of_disparity_are_told_from_steps_of_depth():
    settings = NoiseSettings(2.0, correlation_px=1.0, common_mm=0.0, drift_mm=0.0, disparity_step_mm=1.5, step_mm=0.01)
    fit = fit_noise(slanted(settings, invalid=0.0))
    assert fit.disparity_step_mm == pytest.approx(1.5 * (fit.reference_mm / 500) ** 2, rel=0.1)


def test_noise_of_a_trial_is_measured_back_through_its_motion():
    trial = simulate_trial(replace(preset("normal"), seconds=4.0, schedule=ScheduleSettings(count=1)), 3)
    fit = fit_noise(trial.video)
    expected = 0.9**0.5 * (fit.reference_mm / 500) ** 2
    assert (fit.sd_mm**2 - 1 / 12) ** 0.5 == pytest.approx(expected, rel=0.1)
    assert fit.correlation_px == pytest.approx(2.5, rel=0.15)
    assert fit.common_mm == pytest.approx(0.2, rel=0.4)
    assert fit.step_mm == pytest.approx(1.0, rel=0.01)


def test_noise_that_cannot_be_measured():
    video = slanted(NoiseSettings(1.0), count=8)
    with pytest.raises(DataError, match="three different frames"):
        fit_noise(DepthVideo(video.frames[6:8], video.timestamps[:2]))
    frames = video.frames.clone()
    frames[:, :, 40:] = torch.nan
    frames[:, 40:] = torch.nan
    with pytest.raises(DataError, match="free of holes"):
        fit_noise(DepthVideo(frames, video.timestamps))


# ----------------------------------------------------------------------------------------------------------------------- errors
def test_settings_out_of_range():
    for bad in (
        lambda: TrialSettings(seconds=0),
        lambda: TrialSettings(rate=-1),
        lambda: NeckSettings(prominence_mm=(3, 1)),
        lambda: NeckSettings(hair=1.5),
        lambda: CameraSettings(width=2),
        lambda: CameraSettings(distance_mm=(-1, 2)),
        lambda: SwallowSettings(double=2),
        lambda: SwallowSettings(rise=(0, 0.1)),
        lambda: ScheduleSettings(count=-1),
        lambda: ScheduleSettings(count=(4, 1)),
        lambda: ConfounderSettings(speech=-1),
        lambda: MotionSettings(apnoea=2),
        lambda: NoiseSettings(-1),
        lambda: NoiseSettings(standing=2),
        lambda: HoleSettings(nearest_mm=5, farthest_mm=1),
        lambda: DeliverySettings(dropped=1),
    ):
        with pytest.raises(ParameterError):
            bad()


def test_importing_the_simulator_imports_no_application_library():
    code = (
        "import sys, foreknow.swallow.simulate; heavy = {'h5py', 'PIL', 'skimage', 'matplotlib', 'scipy'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603


@pytest.mark.gpu
def test_a_trial_on_a_device_is_that_of_the_cpu():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    settings = small(seconds=2.0, schedule=ScheduleSettings(count=0))
    one, two = simulate_trial(settings, 1), simulate_trial(settings, 1, device="cuda")
    assert float((one.clean - two.clean).abs().median()) < 1e-6


def test_breathing_is_measured_back():
    motion, times = MotionSettings(breathing_mm=(1.0, 1.0)), torch.arange(300, dtype=torch.float64) / 10
    for seed in range(6):
        breathing = draw_motion(motion, torch.zeros(len(Channel), 300, dtype=torch.float64), 10.0, seeded(seed)).breathing
        noise = 0.05 * torch.randn(300, generator=seeded(seed), dtype=torch.float64)
        fit = fit_breathing(times, breathing + noise + 3.0)
        turns = int(((breathing[1:] > 0) & (breathing[:-1] <= 0)).sum())
        assert fit.hertz == pytest.approx(turns / 30, abs=0.04)
        assert fit.amplitude_mm == pytest.approx(1.0, rel=0.4)
        assert fit.offset_mm == pytest.approx(0.05, rel=0.35)
    with pytest.raises(DataError, match="8 s"):
        fit_breathing(torch.arange(20.0), torch.zeros(19))


# ------------------------------------------------------------------------------------------------------------------- real frames
@pytest.mark.data
def test_paced_breathing_before_a_real_camera(shared_data):
    right, offsets, files = 0, [], sorted((shared_data / "depth" / "d435_breathing").glob("*bpm_1m_*.csv"))
    for path in files:
        rows = [[float(cell) for cell in line.split(",")] for line in path.read_text().splitlines()[1:]]
        course = torch.tensor(rows, dtype=torch.float64)
        fit = fit_breathing(course[:, 0] / 1000, course[:, 1])
        right += abs(60 * fit.hertz - float(path.name.split("bpm")[0])) < 1.0
        offsets.append(fit.offset_mm)
    assert right >= 0.8 * len(files)
    assert 0.2 < sorted(offsets)[len(offsets) // 2] < 1.0


@pytest.mark.data
def test_noise_of_real_cameras(shared_data):
    kinect = fit_noise(read_depth(shared_data / "depth" / "kinect_room", unit=0.001, rate=30))
    assert kinect.exponent_fitted
    assert kinect.exponent == pytest.approx(2.0, abs=0.35)  # structured light: the error of a disparity
    expected = (kinect.reference_mm / 1000) ** 2 / (585 * 0.075) / 8 * 1000  # an eighth of a pixel, baseline 75 mm
    assert kinect.disparity_step_mm == pytest.approx(expected, rel=0.1)
    assert kinect.repeated == pytest.approx(13 / 60)
    (sequence,) = (shared_data / "depth" / "truedepth").glob("*/DepthEvalDataset")
    iphone = fit_noise(read_depth(sequence, unit=0.0001, tick=0.001))
    assert 0.1 < iphone.sd_mm < 0.25
    assert iphone.step_mm == pytest.approx(0.1, rel=0.01)
    assert 0.1 < iphone.standing_mm < 0.5
