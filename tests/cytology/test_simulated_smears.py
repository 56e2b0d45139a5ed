"""The cytology simulator: shapes, stains, image formation, truth, and what is learned back from images."""

import math
from dataclasses import replace

import pytest
import torch

from foreknow.cytology.simulate import (
    INTERMEDIATE,
    PAPANICOLAOU,
    SUPERFICIAL,
    CameraSettings,
    CellKind,
    ClutterSettings,
    DeteriorationSettings,
    SmearItems,
    SmearSettings,
    StainSettings,
    TextureSettings,
    deteriorate,
    fit_background,
    fit_stains,
    optical_density,
    simulate_smear,
    stain_angles,
)
from foreknow.cytology.simulate.place import place_cells
from foreknow.cytology.simulate.shape import canvas, draw_shapes, folded
from foreknow.cytology.simulate.stains import draw_stains
from foreknow.errors import DataError, ParameterError, ShapeError
from foreknow.learn import Simulated

SMALL = SmearSettings(height=160, width=200, cells=8)
CLEAN = ClutterSettings(inflammatory=0, debris=0, bacteria=0, dust=0, mucus=0)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def smear():
    return simulate_smear(SMALL, 3)


# ------------------------------------------------------------------------------------------------------------------- shapes
def test_shapes_have_the_area_of_their_diameter():
    diameters = torch.full((60,), 40.0)
    shapes = draw_shapes(diameters, torch.linspace(0, 1, 60), torch.ones(60), seeded())
    area = (shapes.gauge(canvas(60, 161, 0.5)) < 1).flatten(1).sum(1) * 0.25
    assert float((area / (math.pi * 400)).mean()) == pytest.approx(1, abs=0.06)
    assert float((area / (math.pi * 400)).std()) < 0.12


def test_a_fold_keeps_the_sheet():
    shapes = draw_shapes(torch.full((5,), 40.0), torch.ones(5), torch.full((5,), 1.5), seeded())
    points = canvas(5, 241, 0.5)
    flat, _, _ = folded(shapes, points, torch.zeros(5), torch.full((5,), math.inf))
    sheet, flap, _ = folded(shapes, points, torch.linspace(0, 3, 5), torch.full((5,), 8.1))
    layers = (sheet < 1).flatten(1).sum(1) + (flap < 1).flatten(1).sum(1)
    assert torch.allclose(layers.float(), (flat < 1).flatten(1).sum(1).float(), rtol=0.02)
    assert bool(((flap < 1).flatten(1).sum(1) > 0).all())
    assert not bool(((flap < 1) & (sheet >= 1.3)).all())


def test_cells_keep_apart_or_join_clumps():
    radii = torch.full((12,), 20.0)
    apart = place_cells(radii, 500, 500, 0.0, 0.3, seeded())
    clumped = place_cells(radii, 500, 500, 1.0, 0.3, seeded())
    nearest = [((c[:, None] - c).norm(dim=-1) + 1e3 * torch.eye(12)).amin(dim=1) for c in (apart, clumped)]
    assert float(nearest[0].median()) > 45
    assert float(nearest[1].max()) < 42.1


# ------------------------------------------------------------------------------------------------------------------- stains
def test_stains_turn_by_their_jitter_and_densities_add():
    angles = torch.cat([stain_angles(draw_stains(StainSettings(), seeded(k))[0], torch.tensor(PAPANICOLAOU)) for k in range(100)])
    assert 2 < float(angles.median()) < 6
    assert float(angles.max()) < 12
    vectors, strength = draw_stains(StainSettings(jitter=0.0, strength=0.0), seeded())
    assert torch.allclose(vectors.norm(dim=1), torch.ones(4))
    assert torch.equal(strength, torch.ones(4))
    amounts = torch.rand(4, 5, 6, generator=seeded())
    assert torch.allclose(optical_density(amounts, vectors)[:, 2, 3], amounts[:, 2, 3] @ vectors)


# -------------------------------------------------------------------------------------------------------------------- image
def test_an_image_is_background_and_density_with_noise(smear):
    expected = 255 * 10 ** -(smear.density + smear.background).movedim(0, -1)
    inside = expected < 250
    error = (smear.image.float() - expected)[inside]
    assert smear.image.shape == (160, 200, 3)
    assert smear.image.dtype is torch.uint8
    assert abs(float(error.mean())) < 0.1
    assert float(error.std()) < 2.5
    assert float(smear.density.min()) >= 0


def test_truth_is_consistent(smear):
    labels = smear.labels
    assert torch.equal(labels > 0, smear.region)
    assert smear.cells.shape[1:] == labels.shape == smear.nuclei.shape
    for row in smear.measurements:
        whole = smear.cells == row.label
        assert int(whole.any(dim=(1, 2)).sum()) == 1  # each cell in one layer
        mask = whole.any(dim=0)
        assert int(mask.sum()) * 0.25 == pytest.approx(row.area_um2)
        assert bool((mask[smear.nuclei == row.label]).all())
        rows, columns = mask.nonzero().amin(dim=0), mask.nonzero().amax(dim=0) + 1
        assert (row.top, row.left, row.bottom, row.right) == (*rows.tolist(), *columns.tolist())
        assert 0 <= row.overlap <= 1
    crowded = (smear.cells > 0).sum(dim=0) > 1
    areas = {row.label: row.area_um2 for row in smear.measurements}
    for y, x in crowded.nonzero()[:50].tolist():
        here = [label for label in smear.cells[:, y, x].tolist() if label]
        assert int(labels[y, x]) == min(here, key=areas.__getitem__)


def test_cells_are_darker_than_glass_and_nuclei_darker_than_cells():
    smear = simulate_smear(replace(SMALL, clutter=CLEAN, defocus=0.0), 1)
    density = smear.density.mean(dim=0)
    inside = smear.region & (smear.nuclei == 0)
    assert float(density[~smear.region].median()) < 0.01
    assert float(density[inside].median()) > 0.04
    assert float(density[smear.nuclei > 0].median()) > 2 * float(density[inside].median())


def test_sizes_are_those_of_the_kinds():
    kind = replace(INTERMEDIATE, diameter=(40.0, 40.0), nucleus=(8.0, 8.0), elongation=1.0)
    texture = TextureSettings(folds=0.0)
    smear = simulate_smear(SmearSettings(height=400, width=400, cells=9, kinds=(kind,), clumping=0.0, texture=texture), 2)
    whole = [row for row in smear.measurements if row.whole and row.overlap == 0]
    assert len(whole) > 2
    assert sum(row.area_um2 for row in whole) / len(whole) == pytest.approx(math.pi * 400, rel=0.15)
    assert sum(row.nucleus_um2 for row in whole) / len(whole) == pytest.approx(math.pi * 16, rel=0.35)


def test_images_are_reproducible_bit_by_bit(smear):
    again = simulate_smear(SMALL, seeded(3))
    for name in ("image", "density", "background", "amounts", "cells", "nuclei"):
        assert torch.equal(getattr(smear, name), getattr(again, name))
    assert not torch.equal(smear.image, simulate_smear(SMALL, 4).image)


def test_many_cells_are_drawn_some_at_a_time():
    smear = simulate_smear(SmearSettings(height=512, width=512, pixel=1.0, cells=60, clumping=0.2, clutter=CLEAN), 0)
    assert [row.label for row in smear.measurements] == sorted({row.label for row in smear.measurements})
    assert len(smear.measurements) > 50
    assert max(row.label for row in smear.measurements) > 48


def test_empty_glass():
    smear = simulate_smear(replace(SMALL, cells=0, clutter=CLEAN), 0)
    assert not bool(smear.region.any())
    assert smear.measurements == ()
    assert float(smear.density.max()) < 1e-5
    assert not bool(smear.labels.any())


def test_items_of_a_data_set_add_up():
    items = SmearItems(SmearSettings(height=96, width=96, cells=3, camera=CameraSettings(exposure=(0.95, 0.98))))
    batch = Simulated(items, 4, seed=1).draw([0, 1], epoch=0)
    assert batch.y.shape == (2, 3, 96, 96)
    rest = batch.y - batch.truth["cells"] - batch.truth["background"]
    assert abs(float(rest.mean())) < 0.003
    assert float(rest.std()) < 0.03


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: SmearSettings(height=10),
        lambda: SmearSettings(clumping=2.0),
        lambda: SmearSettings(kinds=()),
        lambda: CellKind("x", 1.0, (5, 6), (7, 8), (0.1, 0.2), (0.1, 0.2), (1, 0, 0, 0)),
        lambda: ClutterSettings(on_cells=2.0),
        lambda: CameraSettings(quanta=(0.0, 1.0)),
        lambda: StainSettings(vectors=((1.0, 0.0, 0.0),)),
        lambda: TextureSettings(folds=1.5),
        lambda: DeteriorationSettings(dust_depth=1.0),
    ],
)
def test_settings_out_of_range(wrong):
    with pytest.raises(ParameterError):
        wrong()


# ----------------------------------------------------------------------------------------------------------------- made worse
def test_deterioration_changes_what_it_is_told_to():
    image = simulate_smear(replace(SMALL, cells=2), 0).image
    none = DeteriorationSettings(cast=0, light=0, dust=0, scratches=0, blur=0, noise=0)
    assert torch.equal(deteriorate(image, none, seeded()), image)
    noisy = deteriorate(torch.full((128, 128), 0.5), replace(none, noise=0.02), seeded())
    assert float(noisy.std()) == pytest.approx(0.02, rel=0.05)
    cast = deteriorate(torch.full((64, 64, 3), 0.5), replace(none, cast=0.2), seeded())
    assert float(cast.std(dim=(0, 1)).max()) < 1e-6
    assert float(cast[0, 0].std()) > 0.01
    light = deteriorate(torch.full((128, 128), 1.0), replace(none, light=0.45), seeded())
    assert float(light.max() / light.min()) == pytest.approx(math.exp(0.45), rel=0.02)
    for marks in ({"dust": 500.0}, {"scratches": 8.0}):
        marked = deteriorate(torch.full((128, 128), 0.5), replace(none, **marks), seeded())
        assert 0.002 < float(((marked - 0.5).abs() > 0.02).float().mean()) < 0.6
    worse = deteriorate(image, generator=seeded(1))
    assert worse.dtype is torch.uint8
    assert worse.shape == image.shape
    assert torch.equal(worse, deteriorate(image, generator=seeded(1)))


def test_what_cannot_be_deteriorated():
    with pytest.raises(ShapeError):
        deteriorate(torch.zeros(4, 4, 2))
    with pytest.raises(ParameterError):
        deteriorate(torch.zeros(4, 4, dtype=torch.int64))


# --------------------------------------------------------------------------------------------------------------- learned back
@pytest.mark.parametrize("seed", range(3))
def test_stain_vectors_are_recovered(seed):
    """Both dyes of the cytoplasm to 10 degrees, hematoxylin, which never lies alone, to 20."""
    settings = SmearSettings(height=320, width=320, cells=14, kinds=(SUPERFICIAL, INTERMEDIATE), clumping=0.3)
    smear = simulate_smear(settings, seed)
    fit = fit_stains(smear.image, 3)
    angles = torch.rad2deg(torch.arccos((fit.vectors @ smear.vectors[:3].mT).clamp(-1, 1)))
    assert float(angles[:, 1].min()) < 10  # eosin
    assert float(angles[:, 2].min()) < 10  # light green
    assert float(angles[:, 0].min()) < 20
    assert fit.residual < 0.01
    assert float(fit.amounts.min()) >= 0
    assert torch.allclose(fit.vectors.norm(dim=1), torch.ones(3), atol=1e-5)


def test_background_of_an_uneven_image_is_recovered_to_2_percent():
    camera = CameraSettings(vignetting=(0.2, 0.2), gradient=(0.0, 0.0), exposure=(0.9, 0.9))
    smear = simulate_smear(SmearSettings(height=256, width=256, cells=6, camera=camera), 1)
    fit = fit_background(smear.image)
    truth = 10 ** -smear.background.movedim(0, -1)
    assert float((fit.surface / truth - 1).abs().mean()) < 0.02
    assert fit.surface.shape == (256, 256, 3)
    assert fit_background(smear.image[..., 0]).surface.shape == (256, 256, 1)


def test_what_cannot_be_fitted():
    with pytest.raises(ShapeError):
        fit_stains(torch.zeros(64, 64, dtype=torch.uint8))
    with pytest.raises(ParameterError):
        fit_stains(torch.zeros(64, 64, 3, dtype=torch.uint8), 4)
    with pytest.raises(DataError, match="black"):
        fit_background(torch.zeros(64, 64, 3))
    with pytest.raises(DataError, match="hardly anything is stained"):
        fit_stains(simulate_smear(replace(SMALL, cells=0, clutter=CLEAN), 0).image)


@pytest.mark.data
@pytest.mark.parametrize("name", ["oral_000057_00.png", "oral_000057_10.png", "oral_000057_20.png"])
def test_stains_of_a_real_smear(shared_data, name):
    from skimage.io import imread

    file = shared_data / "cytology" / "images" / name
    if not file.is_file():
        pytest.skip(f"no real smear: {file} is absent")
    fit = fit_stains(torch.as_tensor(imread(file)))
    reference = torch.tensor(PAPANICOLAOU)
    assert float(stain_angles(fit.vectors[:1], reference)) < 10  # light green
    assert fit.residual < 0.02
    glass = 255 * fit.background.surface.mean(dim=(0, 1))
    assert torch.allclose(glass, torch.tensor([231.0, 228.0, 224.0]), atol=4)
