"""The angiography simulator: geometry, contrast agent, image formation, and what is learned back from frames."""

import math
from dataclasses import replace

import pytest
import torch

from foreknow.angiography.simulate import (
    AnatomySettings,
    Bolus,
    BolusSettings,
    CatheterSettings,
    DetectorSettings,
    DisplaySettings,
    HeartSettings,
    MotionSettings,
    Relationship,
    RunItems,
    RunSettings,
    TreeSettings,
    ViewSettings,
    deteriorate,
    draw_heart,
    fit_noise,
    fit_spectrum,
    grow_tree,
    simulate_run,
    splat_tubes,
)
from foreknow.angiography.simulate.motion import contraction, draw_motion
from foreknow.angiography.simulate.view import draw_view
from foreknow.errors import DataError, ParameterError, ShapeError
from foreknow.learn import Simulated
from foreknow.simulate.fields import power_law_field

SMALL = RunSettings(frames=6, size=96, rate=3.0)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def run():
    return simulate_run(SMALL, 3)


# -------------------------------------------------------------------------------------------------------------------- tubes
@pytest.mark.parametrize("angle", [0.0, 0.4, math.pi / 4])
def test_a_tube_is_as_thick_as_its_chord_and_keeps_its_volume(angle):
    radius, length = 6.0, 50.0
    along = torch.linspace(-length / 2, length / 2, 501, dtype=torch.float64)
    direction = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
    places = (along[:, None] * direction + 50)[None]
    lengths = torch.full((1, 501), length / 500, dtype=torch.float64)
    image = splat_tubes(places, torch.full((1, 501), radius, dtype=torch.float64), lengths, 101, torch.float64)[0]
    assert float(image.sum()) == pytest.approx(math.pi * radius**2 * length * 501 / 500, rel=1e-9)
    line = torch.arange(101, dtype=torch.float64) - 50
    aside = (line[:, None] * math.cos(angle) - line[None] * math.sin(angle)).abs()
    ahead = (line[None] * math.cos(angle) + line[:, None] * math.sin(angle)).abs()
    inside = (aside < radius - 1.5) & (ahead < length / 2 - radius - 2)
    chord = 2 * (radius**2 - aside.square()).clamp_min(0).sqrt()
    assert float((image - chord)[inside].abs().max()) < 0.04 * 2 * radius


def test_a_foreshortened_tube_is_as_deep_as_it_is_long():
    places = torch.full((1, 100, 2), 20.0)
    image = splat_tubes(places, torch.full((1, 100), 4.0), torch.full((1, 100), 0.3), 41)
    assert float(image[0, 20, 20]) == pytest.approx(30.0, rel=0.02)


@pytest.mark.parametrize("radius", [0.05, 0.3, 0.7, 3.2])
def test_thin_tubes_keep_their_volume_wherever_they_lie(radius):
    places = 10 + 5 * torch.rand(1, 200, 2, generator=seeded(), dtype=torch.float64)
    image = splat_tubes(places, torch.full((1, 200), radius, dtype=torch.float64), torch.ones(1, 200, dtype=torch.float64), 32)
    assert float(image.sum()) == pytest.approx(200 * math.pi * radius**2, rel=1e-4)


def test_tubes_outside_the_picture_are_left_out():
    places = torch.tensor([[[-100.0, 5.0], [5.0, 500.0]]])
    assert float(splat_tubes(places, torch.full((1, 2), 2.0), torch.ones(1, 2), 16).abs().max()) == 0


# --------------------------------------------------------------------------------------------------------------------- tree
@pytest.mark.parametrize("artery", ["left", "right"])
def test_radii_follow_murrays_law(artery):
    heart = draw_heart(HeartSettings(), seeded(1))
    settings = TreeSettings(stenoses=0.0, least_radius=0.05, spacing=20.0)
    trees = [grow_tree(settings, heart, artery, seeded(seed)) for seed in range(8)]
    ratios = []
    for tree, number in ((one, number) for one in trees for number in (one.level == 2).nonzero().squeeze(1).tolist()):
        trunk = (tree.branch == tree.parent[number]).nonzero().squeeze(1)
        first = (tree.branch == number).nonzero()[0, 0]
        joint = int((tree.points[trunk] - tree.points[first]).norm(dim=1).argmin())
        if 12 < joint < len(trunk) - 12:
            before, after = tree.radius[trunk[joint - 2]], tree.radius[trunk[joint + 3]]
            ratios.append(float((after**3 + tree.radius[first] ** 3) / before**3))
    assert len(ratios) > 40
    assert float(torch.tensor(ratios).median()) == pytest.approx(1.0, abs=0.05)


def test_a_tree_lies_on_the_heart_and_has_levels():
    heart = draw_heart(HeartSettings(), seeded(1))
    tree = grow_tree(TreeSettings(levels=4), heart, "left", seeded(2))
    depth = (tree.points / heart.half_axes).norm(dim=1)
    assert float(depth.min()) > 0.3
    assert float(depth.max()) < 1.2
    assert set(tree.level.tolist()) == {1, 2, 3, 4}
    assert tree.names[:3] == ("left main", "left anterior descending", "left circumflex")
    assert 0.3 < float(tree.steps[tree.steps > 0].median()) < 0.5
    assert float(tree.steps.max()) < 1.5
    assert bool((tree.parent[1:] >= 0).all())
    assert float(tree.path[0]) == 0


@pytest.mark.parametrize("kind", [{"levels": 0}, {"side_ratio": (0.5, 1.0)}, {"least_radius": 0.0}])
def test_impossible_trees(kind):
    with pytest.raises(ParameterError):
        TreeSettings(**kind)


# --------------------------------------------------------------------------------------------------------------------- view
def test_the_views_are_those_of_the_cath_lab():
    front = draw_view(ViewSettings(angles=(0.0, 0.0)), "left", 512, seeded())
    left, head, back = torch.eye(3, dtype=torch.float64)[[0, 2, 1]] * 50
    middle = front.project(torch.zeros(3, dtype=torch.float64))[0]
    assert float((front.project(left)[0] - middle)[0]) > 0  # the patient's left is to the right
    assert float((front.project(head)[0] - middle)[1]) < 0  # the head is up
    assert float(front.project(back)[1]) > 1  # the back is nearer to the source, so larger
    oblique = draw_view(ViewSettings(angles=(45.0, 0.0)), "left", 512, seeded())
    spine = oblique.project(back)[0] - oblique.project(torch.zeros(3, dtype=torch.float64))[0]
    assert float(spine[0]) > 0  # in left anterior oblique views the spine is to the right
    for view in (front, oblique):
        assert torch.allclose(view.axes @ view.axes.T, torch.eye(3, dtype=torch.float64), atol=1e-12)


def test_the_pixel_is_the_field_of_view_over_the_size():
    view = draw_view(ViewSettings(angles=(10.0, 5.0)), "right", 256, seeded())
    step = view.axes[0] * view.pixel
    moved = view.project(step)[0] - view.project(torch.zeros(3, dtype=torch.float64))[0]
    assert float(moved[0]) == pytest.approx(1.0, rel=1e-9)


# -------------------------------------------------------------------------------------------------------------------- bolus
def test_the_bolus_is_the_convolution_of_gamma_variate_and_injection():
    bolus = Bolus(0.5, 2.0, 2.0, 0.2, 150.0, 0.3, 0.8, 0.0)
    rate = 250
    time = torch.arange(8 * rate, dtype=torch.float64) / rate
    path = 75.0
    b = 0.2 * (1 + 0.8 * path / 100)
    response = torch.where(time > 0, time**2 * torch.exp(-time / b), 0.0)
    response = response / response.sum()
    box = ((time >= 0.5 + path / 150) & (time < 2.5 + path / 150)).double()
    expected = torch.fft.irfft(torch.fft.rfft(box, n=4096) * torch.fft.rfft(response, n=4096), n=4096)[: len(time)]
    found = bolus.concentration(time, torch.tensor([path], dtype=torch.float64))[:, 0]
    assert float((found - expected).abs().max()) < 0.01  # of the sum's steps of 4 ms
    assert float(found.max()) <= 1
    assert float(found[time < 0.5 + path / 150].abs().max()) == 0


def test_contraction_over_a_beat():
    phase = torch.linspace(0, 1, 1001, dtype=torch.float64)
    course = contraction(phase)
    assert float(course.max()) == pytest.approx(1.0, abs=1e-3)
    assert int(course.argmax()) / 1000 == pytest.approx(0.35, abs=0.01)
    assert float(course[600:851].abs().max()) < 1e-9
    assert float(course[0]) == pytest.approx(float(course[-1]), abs=1e-9)
    assert float(course.diff().abs().max()) < 0.02


def test_the_surface_moves_by_5_to_20_mm():
    heart = draw_heart(HeartSettings(spread=0.0), seeded())
    motion = draw_motion(MotionSettings(breath_hold=1.0, pan=0.0), 60, 30.0, seeded(1))
    tree = grow_tree(TreeSettings(levels=2), heart, "left", seeded(2))
    moved = motion.beat(tree.points, heart) - motion.breathing_heart[:, None]
    reach = (moved.amax(dim=0) - moved.amin(dim=0)).norm(dim=1)
    assert 4 < float(reach.median()) < 20


# ----------------------------------------------------------------------------------------------------------------- the run
def test_a_run_is_its_layers_and_noise(run):
    noise = run.attenuation - run.vessels - run.background
    assert run.frames.shape == run.vessels.shape == run.mask.shape == (6, 96, 96)
    assert float(run.vessels.min()) >= 0
    assert abs(float(noise.mean())) < 0.01
    assert float(noise.std()) < 0.1
    correlation = torch.corrcoef(torch.stack((noise.flatten(), run.vessels.flatten())))[0, 1]
    assert abs(float(correlation)) < 0.05
    assert float(run.mask[0].sum()) == 0  # nothing is injected yet
    assert 0.01 < float(run.mask[-2].float().mean()) < 0.3
    assert bool((run.vessels[run.mask] >= SMALL.visible).all())


def test_the_detector_sees_less_contrast_than_the_primary_ray(run):
    seen, true = run.vessels[run.mask].mean(), run.absorption[run.mask].mean()
    assert 0.3 < float(seen / true) < 1


def test_runs_are_reproducible_bit_by_bit(run):
    again = simulate_run(SMALL, seeded(3))
    for name in ("frames", "attenuation", "vessels", "background", "absorption", "tracks", "widths"):
        assert torch.equal(getattr(run, name), getattr(again, name))
    assert not torch.equal(run.frames, simulate_run(SMALL, 4).frames)


def test_without_contrast_there_are_no_vessels():
    run = simulate_run(replace(SMALL, contrast=False), 3)
    assert float(run.vessels.abs().max()) == 0
    assert not bool(run.mask.any())
    assert bool(run.catheter_mask.any())


def test_tracks_lie_on_the_vessels(run):
    frame = 4
    wide = (run.widths[frame] > 1.5) & (run.concentration[frame] > 0.5)
    place = run.tracks[frame][wide].round().long()
    inside = ((place >= 1) & (place < 95)).all(dim=1)
    place = place[inside]
    assert len(place) > 20
    assert float(run.mask[frame, place[:, 1], place[:, 0]].float().mean()) > 0.95


@pytest.mark.parametrize("relationship", list(Relationship))
def test_frames_are_read_back_as_attenuation(relationship):
    bits = 8 if relationship is Relationship.DISPLAY else 12
    run = simulate_run(replace(SMALL, display=DisplaySettings(relationship, bits)), 1)
    assert int(run.frames.max()) <= 2**bits - 1
    error = run.settings.display.read(run.frames) - run.attenuation
    within = (run.frames > 20) & (run.frames < 2**bits - 1)
    spread = (error - error[within].median())[within]
    assert float(spread.abs().max()) < 0.03


def test_items_of_a_data_set_add_up():
    settings = RunSettings(frames=3, size=64, bolus=BolusSettings(start=(-3.0, -1.0)))
    batch = Simulated(RunItems(settings), 4, seed=1).draw([0, 1], epoch=0)
    assert batch.y.shape == (2, 3, 64, 64)
    rest = batch.y - batch.truth["vessels"] - batch.truth["background"]
    assert float(rest.mean().abs()) < 0.05
    assert float(rest.std()) < 0.15


def test_a_run_of_one_frame_without_catheter_and_other_sizes():
    run = simulate_run(RunSettings(frames=1, size=33, artery="right", catheter=None), 0)
    assert run.frames.shape == (1, 33, 33)
    assert not bool(run.catheter_mask.any())


@pytest.mark.parametrize(
    "wrong", [{"frames": 0}, {"size": 8}, {"rate": 0.0}, {"artery": "middle"}], ids=lambda wrong: next(iter(wrong))
)
def test_impossible_runs(wrong):
    with pytest.raises(ParameterError):
        RunSettings(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: AnatomySettings(bone=(0.3, 0.1)),
        lambda: BolusSettings(speed=(0.0, 1.0)),
        lambda: CatheterSettings(wall=2.0),
        lambda: DetectorSettings(quanta=(0.0, 1.0)),
        lambda: DisplaySettings(bits=4),
        lambda: HeartSettings(long_half_axis=0.0),
        lambda: MotionSettings(heart_rate=(0.0, 10.0)),
        lambda: ViewSettings(field_of_view=0.0),
    ],
)
def test_settings_out_of_range(wrong):
    with pytest.raises(ParameterError):
        wrong()


# ------------------------------------------------------------------------------------------------------------ learned back
def test_noise_gain_of_synthetic_frames():
    ramp = torch.linspace(20, 200, 256).expand(256, 256)
    counts = torch.poisson(ramp.expand(3, 256, 256) / 3.0, generator=seeded())
    frames = 3.0 * counts + 2 * torch.randn(counts.shape, generator=seeded(1))
    fit = fit_noise(frames)
    assert fit.gain == pytest.approx(3.0, rel=0.1)
    assert fit.deviation(100) == pytest.approx(math.sqrt(304), rel=0.06)


def test_noise_without_gain_is_an_offset():
    ramp = torch.linspace(20, 200, 128).expand(128, 128)
    fit = fit_noise(ramp + 4 * torch.randn(128, 128, generator=seeded()))
    assert fit.deviation(110) == pytest.approx(4, rel=0.08)


@pytest.mark.parametrize(("quanta", "error"), [(400.0, 0.1), (1500.0, 0.3)])
def test_noise_gain_of_simulated_frames_is_recovered(quanta, error):
    """At the dose of real frames to 10 %; where there is less noise, anatomy counts as some of it."""
    detector = DetectorSettings(quanta=(quanta, quanta), grain=0.0, electronic=0.0, gain_pattern=0.0)
    run = simulate_run(RunSettings(frames=2, size=256, detector=detector, catheter=None), 5)
    expected = torch.exp(-run.vessels - run.background)
    scale = float((run.frames / torch.exp(-run.attenuation)).median())
    true = scale * float(expected[0].median()) / (quanta * (run.view.pixel / 0.28) ** 2)
    assert fit_noise(run.frames).gain == pytest.approx(true, rel=error)


def test_spectrum_of_synthetic_frames_is_recovered():
    field = 20 * power_law_field((256, 256), 2.5, seeded(), longest=2000.0, shortest=0.2, batch=4)
    fit = fit_spectrum(field + 6 * torch.randn(field.shape, generator=seeded(1)))
    assert fit.slope == pytest.approx(2.5, abs=0.2)
    assert fit.noise == pytest.approx(36, rel=0.2)


def test_what_cannot_be_fitted():
    with pytest.raises(ShapeError):
        fit_noise(torch.zeros(8, 8))
    with pytest.raises(DataError, match="constant"):
        fit_noise(torch.ones(64, 64))
    with pytest.raises(DataError):
        fit_spectrum(torch.full((64, 64), float("nan")))


def test_deterioration_keeps_type_and_shape(run):
    frames = (run.frames.float() / 4095).clamp(0, 1)
    worse = deteriorate(frames, generator=seeded())
    assert worse.shape == frames.shape
    assert not torch.equal(worse, frames)
    assert torch.equal(worse, deteriorate(frames, generator=seeded()))
    assert deteriorate(frames[0], generator=seeded()).shape == frames.shape[1:]
    with pytest.raises(ShapeError):
        deteriorate(frames[None], generator=seeded())


# --------------------------------------------------------------------------------------------------------------- real frames
@pytest.mark.data
def test_simulated_frames_are_like_real_ones(shared_data):
    from foreknow.angiography.simulation_comparison import frame_statistics, read_frames

    folder = shared_data / "angiography" / "frames_xcad" / "images"
    if not folder.is_dir():
        pytest.skip(f"no real frames: {folder} is absent")
    real = [frame_statistics(frame) for frame in read_frames(folder)]
    settings = RunSettings(frames=1, bolus=BolusSettings(start=(-2.6, -1.8)), display=DisplaySettings(Relationship.DISPLAY, bits=8))
    drawn = [frame_statistics(simulate_run(settings, seed).frames[0].float()) for seed in range(3)]
    tolerance = {"intensity_50": 40, "intensity_99": 60, "spectrum_slope": 0.9, "spectrum_log10_power": 0.9, "noise_at_100": 0.6}
    for name, width in tolerance.items():
        medians = [float(torch.tensor([row[name] for row in rows]).median()) for rows in (real, drawn)]
        assert medians[1] == pytest.approx(medians[0], abs=width), name
