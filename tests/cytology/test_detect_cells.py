"""Cells and nuclei in simulated smears, their files, and what happens to files that cannot be used."""

import csv
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from scipy import ndimage
from skimage.measure import find_contours, regionprops
from typer.testing import CliRunner

from foreknow.cytology import Detection, detect
from foreknow.cytology.bands import smoothed
from foreknow.cytology.batch import DetectOptions, detect_file, detect_many
from foreknow.cytology.blobs import find_blobs
from foreknow.cytology.discs import narrowed, widened
from foreknow.cytology.image_file import read_field
from foreknow.cytology.measure import columns, measure_cells, perimeters, stain_amounts
from foreknow.cytology.nuclei import Nuclei
from foreknow.cytology.outlines import _traced, outlines
from foreknow.cytology.simulate import ClutterSettings, SimulatedSmear, SmearSettings, deteriorate, simulate_smear
from foreknow.cytology.split import split_cells
from foreknow.errors import InputFileError, ParameterError

REAL = Path(__file__).parents[3] / "shared" / "data" / "cytology"


@pytest.fixture(scope="module")
def smear() -> SimulatedSmear:
    return simulate_smear(SmearSettings(height=288, width=320, cells=7), 4)


@pytest.fixture(scope="module")
def found(smear: SimulatedSmear) -> Detection:
    return detect(smear.image)


def dice(mask: np.ndarray, truth: np.ndarray, scored: np.ndarray | None = None) -> float:
    scored = np.ones(mask.shape, dtype=bool) if scored is None else scored
    return float(2 * (mask & truth & scored).sum() / ((mask & scored).sum() + (truth & scored).sum()))


def test_cells_of_a_simulated_smear_are_found(smear: SimulatedSmear, found: Detection):
    assert dice(found.mask, smear.region.numpy(), ~smear.clutter.numpy()) > 0.93
    assert float(found.cell_layer[:, ~torch.as_tensor(found.mask)].abs().max()) == 0
    assert float((found.background - smear.background).abs().mean()) < 0.02


def test_nuclei_of_a_simulated_smear_are_found(smear: SimulatedSmear, found: Detection):
    hits = sum(
        bool((found.nuclei.labels[(smear.nuclei == label).numpy()] > 0).any())
        for label in smear.nuclei.unique().tolist()
        if label and int((smear.nuclei == label).sum()) > 20
    )
    count = sum(int((smear.nuclei == label).sum()) > 20 for label in smear.nuclei.unique().tolist() if label)
    assert hits >= 0.65 * count  # one is pale under an overlap, one cut by the border
    assert len(found.nuclei) == found.nuclei.labels.max()


def test_deteriorated_copies_are_nearly_as_good(smear: SimulatedSmear):
    worse = deteriorate(smear.image, generator=torch.Generator().manual_seed(0))
    again = detect(worse)
    assert dice(again.mask, smear.region.numpy(), ~smear.clutter.numpy()) > 0.85


def test_grey_and_colour_agree(smear: SimulatedSmear, found: Detection):
    grey = detect(smear.image.float().mean(dim=-1).round().to(torch.uint8))
    assert dice(grey.mask, found.mask) > 0.9


def test_an_empty_field_has_no_cells():
    nothing = ClutterSettings(inflammatory=0, debris=0, bacteria=0)
    empty = simulate_smear(SmearSettings(height=160, width=160, cells=0, clutter=nothing), 1)
    assert detect(empty.image).mask.mean() < 0.01


def test_clumps_are_split_by_nuclei_and_by_shape():
    rows, cols = np.mgrid[:80, :140]
    discs = [((rows - 40) ** 2 + (cols - x) ** 2) < 30**2 for x in (40, 92)]
    region = discs[0] | discs[1]
    nuclei = np.zeros(region.shape, dtype=np.int32)
    for number, x in enumerate((40, 92), start=1):
        nuclei[((rows - 40) ** 2 + (cols - x) ** 2) < 16] = number
    two = Nuclei(nuclei, np.array([[40.0, 40], [92, 40]]), np.array([49.0, 49]), np.array([0.5, 0.5]))
    none = Nuclei(np.zeros_like(nuclei), np.zeros((0, 2)), np.zeros(0), np.zeros(0))
    for known in (two, none):
        labels = split_cells(ndimage.label(region)[0], known, 30.0)
        assert labels.max() == 2
        assert (labels > 0).sum() == region.sum()
        for disc in discs:
            best = max(dice(labels == number, disc) for number in (1, 2))
            assert best > 0.9
    assert split_cells(np.zeros(region.shape, dtype=np.int32), none, 0.0).max() == 0


@pytest.mark.parametrize("radius", [20.0, 60.0])
def test_cells_without_a_nucleus_are_split_whatever_the_parts_radius_is(radius: float):
    rows, columns = np.mgrid[:160, :260]
    middles = [(40, x) for x in (40, 76, 112, 148)] + [(120, 60), (120, 97)]
    discs = [((rows - y) ** 2 + (columns - x) ** 2) < 20**2 for y, x in middles]
    discs[0] = discs[0] & ~(((rows - 40) ** 2 + (columns - 40) ** 2) < 7**2)  # pale in its middle
    region = np.any(discs, axis=0)
    nuclei = np.zeros(region.shape, dtype=np.int32)
    nuclei[((rows - 120) ** 2 + (columns - 60) ** 2) < 25] = 1
    one = Nuclei(nuclei, np.array([[60.0, 120]]), np.array([78.0]), np.array([0.5]))
    labels = split_cells(ndimage.label(region)[0], one, radius)
    assert labels.max() == 6
    assert np.array_equal(labels > 0, region)
    for disc in discs:
        assert max(dice(labels == number, disc) for number in range(1, 7)) > 0.85


@pytest.mark.parametrize("radius", [4.0, 6.0, 9.0, 13.0])
def test_blobs_are_where_discs_are(radius: float):
    rows, columns = np.mgrid[:150, :170]
    middles = [(30.0, 41.0), (71.5, 90.3), (110.2, 140.0)]
    density = sum(0.3 * (np.hypot(rows - y, columns - x) < radius) for y, x in middles)
    found = find_blobs(smoothed(torch.as_tensor(density[None], dtype=torch.float32), 1.0)[0], 0.05)
    assert len(found) == 3
    order = np.argsort(found.rows)
    assert np.hypot(found.rows[order] - [y for y, _ in middles], found.columns[order] - [x for _, x in middles]).max() < 1.5
    assert (abs(np.log(found.radius / radius)) < 0.4).all()


def test_measurements_of_a_known_disc():
    rows, cols = np.mgrid[:60, :60]
    disc = ((rows - 30) ** 2 + (cols - 30) ** 2 < 20**2).astype(np.int32)
    core = ((rows - 30) ** 2 + (cols - 30) ** 2 < 6**2).astype(np.int32)
    nuclei = Nuclei(core, np.array([[30.0, 30.0]]), np.array([core.sum()]), np.array([0.5]))
    density = 0.2 * torch.as_tensor(disc, dtype=torch.float32).expand(3, 60, 60)
    (row,) = measure_cells(disc, nuclei, density, pixel_um=0.5)
    assert (row.x, row.y) == pytest.approx((30, 30))
    assert row.area_um2 == pytest.approx(row.area_px / 4)
    assert row.circularity > 0.85
    assert row.nuclei == 1
    assert row.nucleus_cytoplasm_ratio == pytest.approx(core.sum() / (disc.sum() - core.sum()))
    assert row.density == pytest.approx((0.2, 0.2, 0.2))
    assert not row.touches_border
    assert len(columns(3)) == len(columns(1)) + 6


def test_what_dims_all_channels_alike_is_debris(smear: SimulatedSmear):
    rows, columns = np.mgrid[: smear.image.shape[0], : smear.image.shape[1]]
    places = [(x, y) for x in range(20, 300, 10) for y in range(20, 270, 10)]
    far = ndimage.distance_transform_edt(~(smear.region | smear.clutter).numpy())
    x, y = max(places, key=lambda place: far[place[1], place[0]])
    spot = (rows - y) ** 2 + (columns - x) ** 2 < 20**2
    for dye, is_cell in (((0.5, 0.5, 0.5), False), ((0.4, 0.75, 0.85), True)):
        image = smear.image.numpy().astype(float)
        image[spot] *= dye
        found = detect(image.round().astype(np.uint8))
        assert found.mask[spot].mean() > 0.8 if is_cell else found.mask[spot].mean() < 0.05
        assert (found.debris[spot].mean() > 0.8) == (not is_cell)


def test_outlines_are_nowhere_far_from_the_pixels():
    rows, columns = np.mgrid[:120, :160]
    labels = np.zeros((120, 160), dtype=np.int32)
    labels[(rows - 60) ** 2 + (columns - 50) ** 2 < 40**2] = 1
    labels[30:90, 110:150] = 2
    found = dict(outlines(labels))
    assert set(found) == {1, 2}
    for number, outline in found.items():
        assert np.array_equal(outline[0], outline[-1])
        full = max(find_contours(np.pad(labels == number, 1).astype(float), 0.5), key=len)[:, ::-1] - 0.5
        ends = np.linspace(outline[:-1], outline[1:], 400).reshape(-1, 2)
        assert np.min(np.linalg.norm(full[:, None] - ends[None], axis=-1), axis=1).max() < 0.7
    assert len(found[1]) < 80
    assert len(found[2]) < 12


def test_paths_are_those_of_scikit_image():
    noise = ndimage.gaussian_filter(np.random.default_rng(3).standard_normal((70, 90)), 1.5)
    labels = ndimage.label(noise > 0.02)[0].astype(np.int32)  # with holes, parts that touch at corners and at the border
    numbers, paths = _traced(labels)
    assert numbers.tolist() == list(range(1, labels.max() + 1))
    for number, path in zip(numbers, paths, strict=True):
        full = max(find_contours(np.pad(labels == number, 1).astype(float), 0.5), key=len) - 0.5
        assert len(path) == len(full)
        assert {tuple(point) for point in np.round(2 * path).astype(int)} == {
            tuple(point) for point in np.round(2 * full).astype(int)
        }


def test_outlines_are_as_long_as_those_of_scikit_image(found: Detection):
    regions = regionprops(found.cells)
    lengths = perimeters(found.cells, int(found.cells.max()))
    assert [lengths[region.label] for region in regions] == pytest.approx([region.perimeter for region in regions])
    rows = measure_cells(found.cells, found.nuclei, found.density)
    assert [row.area_px for row in rows] == [region.area for region in regions]
    assert [(row.y, row.x) for row in rows] == [pytest.approx(region.centroid) for region in regions]


@pytest.mark.parametrize("reach", [0.5, 1.5, 4.2, 11.0, 60.0])
def test_discs_say_what_the_distance_transform_says(reach: float):
    mask = ndimage.gaussian_filter(np.random.default_rng(1).standard_normal((90, 70)), 4) > 0.02
    assert np.array_equal(widened(mask, reach), ndimage.distance_transform_edt(~mask) <= reach)
    assert np.array_equal(narrowed(mask, reach), ndimage.distance_transform_edt(mask) > reach)


def test_large_cells_are_split_as_small_ones_are():
    rows, columns = np.mgrid[:240, :420]
    discs = [((rows - 120) ** 2 + (columns - x) ** 2) < 90**2 for x in (120, 276)]
    region = discs[0] | discs[1]
    spot = ((rows - 10) ** 2 + (columns - 10) ** 2) < 8  # between the pixels that are looked at
    region |= spot
    nuclei = np.zeros(region.shape, dtype=np.int32)
    for number, x in enumerate((120, 276), start=1):
        nuclei[((rows - 120) ** 2 + (columns - x) ** 2) < 100] = number
    two = Nuclei(nuclei, np.array([[120.0, 120], [276, 120]]), np.array([316.0, 316]), np.array([0.5, 0.5]))
    labels = split_cells(ndimage.label(region)[0], two, 90.0)
    assert labels.max() == 3
    assert np.array_equal(labels > 0, region)
    assert len(np.unique(labels[spot])) == 1
    for disc in discs:
        assert max(dice(labels == number, disc) for number in (1, 2, 3)) > 0.95


def test_pure_dyes_are_told_apart():
    from foreknow.cytology.simulate import PAPANICOLAOU

    for number, vector in enumerate(PAPANICOLAOU):
        amounts = stain_amounts(0.4 * np.array(vector) / np.linalg.norm(vector))
        assert int(np.argmax(amounts)) == number
        assert amounts[number] == pytest.approx(0.4, rel=1e-6)


def test_results_of_a_file_agree_with_each_other(tmp_path: Path, smear: SimulatedSmear):
    Image.fromarray(smear.image.numpy()).save(tmp_path / "field.png")
    summary = detect_file(tmp_path / "field.png", tmp_path / "out", DetectOptions(pixel_um=0.5))
    labels = tifffile.imread(tmp_path / "out" / "cells.tif")
    with (tmp_path / "out" / "cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert summary["cells"] == len(rows) == len(np.unique(labels)) - 1
    assert {int(row["label"]) for row in rows} == set(np.unique(labels)) - {0}
    for row in rows:
        assert int(row["area_px"]) == (labels == int(row["label"])).sum()
    mask = np.asarray(Image.open(tmp_path / "out" / "mask.png"))
    assert np.array_equal(mask > 0, labels > 0)
    features = json.loads((tmp_path / "out" / "cells.geojson").read_text())["features"]
    assert len(features) == len(rows)
    assert all(feature["geometry"]["coordinates"][0][0] == feature["geometry"]["coordinates"][0][-1] for feature in features)
    with zipfile.ZipFile(tmp_path / "out" / "cells.roi.zip") as archive:
        assert len(archive.namelist()) == len(rows)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "not a diagnosis" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    with tifffile.TiffFile(tmp_path / "out" / "cells.tif") as tiff:
        assert tiff.pages[0].is_tiled
    with pytest.raises(ParameterError, match="--overwrite"):
        detect_file(tmp_path / "field.png", tmp_path / "out")


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path, smear: SimulatedSmear):
    folder = tmp_path / "in"
    folder.mkdir()
    small = smear.image[:128, :128]
    Image.fromarray(small.numpy()).save(folder / "good.png")
    (folder / "broken.png").write_bytes((folder / "good.png").read_bytes()[:500])
    Image.fromarray(np.full((64, 64), 200, dtype=np.uint8)).save(folder / "flat.png")
    tifffile.imwrite(folder / "stack.tif", np.zeros((5, 64, 64, 2, 2), dtype=np.uint8), photometric="minisblack")
    done: list[str] = []
    batch = detect_many([folder], tmp_path / "out", DetectOptions(report=False), done.append)
    assert [one["name"] for one in batch.summaries] == ["good"]
    assert sorted(failure.name for failure in batch.failures) == ["broken", "flat", "stack"]
    assert all(failure.is_input for failure in batch.failures)
    assert all(failure.name in failure.message for failure in batch.failures)
    assert len(done) == 4
    assert (tmp_path / "out" / "summary.csv").read_text().count("failed") == 3
    again = detect_many([folder / "good.png"], tmp_path / "out", DetectOptions(resume=True))
    assert again.summaries[0]["seconds"] == pytest.approx(batch.summaries[0]["seconds"])  # read back, not made again


def test_results_do_not_depend_on_the_number_of_jobs(tmp_path: Path, smear: SimulatedSmear):
    folder = tmp_path / "in"
    folder.mkdir()
    for name, left in (("a", 0), ("b", 20), ("c", 40)):
        Image.fromarray(smear.image[:128, left : left + 128].numpy()).save(folder / f"{name}.png")
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:500])
    shares: list[tuple[str, float]] = []
    for jobs in (1, 2):
        done: list[str] = []
        options = DetectOptions(report=False, jobs=jobs)
        batch = detect_many([folder], tmp_path / str(jobs), options, done.append, lambda *told: shares.append(told))
        assert [one["name"] for one in batch.summaries] == ["a", "b", "c"]
        assert [one.name for one in batch.failures] == ["broken"]
        assert sorted(done) == ["a", "b", "broken", "c"]
    assert {name for name, _ in shares} == {"a", "b", "broken", "c"}
    for name in "abc":
        for file in ("cells.tif", "nuclei.tif", "cells.csv", "background.png", "cells.geojson"):
            assert (tmp_path / "1" / name / file).read_bytes() == (tmp_path / "2" / name / file).read_bytes()
    table = (tmp_path / "2" / "summary.csv").read_text()
    (tmp_path / "2" / "b" / "summary.json").unlink()
    kept = (tmp_path / "2" / "a" / "summary.json").stat().st_mtime_ns
    batch = detect_many([folder], tmp_path / "2", DetectOptions(report=False, resume=True))
    assert (tmp_path / "2" / "a" / "summary.json").stat().st_mtime_ns == kept
    assert [one["name"] for one in batch.summaries] == ["a", "b", "c"]
    assert (tmp_path / "2" / "summary.csv").read_text() == table


def test_ome_tiff_tells_the_size_of_a_pixel(tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 255, (64, 80, 3), dtype=np.uint8)
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        pixels,
        photometric="rgb",
        metadata={"axes": "YXS", "PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm"},
    )
    field = read_field(tmp_path / "a.ome.tif")
    assert field.pixel_um == 0.25
    assert np.array_equal(field.pixels, pixels)
    tifffile.imwrite(tmp_path / "plain.tif", pixels[..., 0])
    assert read_field(tmp_path / "plain.tif").pixel_um is None
    with pytest.raises(InputFileError, match="cannot be read"):
        read_field(tmp_path / "no.png")


def test_command_line(tmp_path: Path, smear: SimulatedSmear):
    from foreknow.cli.app import app

    Image.fromarray(smear.image[:128, :128].numpy()).save(tmp_path / "field.png")
    runner = CliRunner()
    result = runner.invoke(app, ["cytology", "detect", str(tmp_path / "field.png"), "-o", str(tmp_path / "out"), "--no-report"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "field" / "cells.csv").is_file()
    (tmp_path / "bad.png").write_bytes(b"no picture")
    result = runner.invoke(app, ["cytology", "detect", str(tmp_path / "bad.png"), "-o", str(tmp_path / "out")])
    assert result.exit_code == 2
    result = runner.invoke(app, ["cytology", "detect", str(tmp_path / "field.png"), "-o", str(tmp_path / "x"), "--pixel", "99"])
    assert result.exit_code == 2


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.skipif(not REAL.is_dir(), reason="the development images are not here")
@pytest.mark.parametrize("name", ["isbi_024", "edf_03", "lbc_101", "oral_000057_01"])
def test_regions_of_real_fields(name: str):
    region = np.asarray(Image.open(REAL / "region" / f"{name}.png"))
    found = detect(np.asarray(Image.open(REAL / "images" / f"{name}.png")))
    assert dice(found.mask, region == 255, region != 127) > 0.95


def test_runs_say_what_pixels_say():
    from foreknow.cytology.runs import Runs

    generator = np.random.default_rng(3)
    parts, count = ndimage.label(ndimage.gaussian_filter(generator.standard_normal((70, 90)), 3) > 0.02)
    plane, sign = generator.random(parts.shape).astype(np.float32), generator.random(parts.shape) > 0.995
    runs, numbers = Runs.of(parts), np.arange(count + 1)
    assert np.array_equal(runs.image(runs.values), parts)
    assert np.array_equal(runs.looked_up(numbers % 3 == 1), (numbers % 3 == 1)[parts])
    assert np.array_equal(runs.areas(count), np.bincount(parts.ravel()))
    assert np.allclose(runs.by_label(runs.sums(plane), count), np.bincount(parts.ravel(), weights=plane.ravel()), rtol=1e-5)
    assert set(np.flatnonzero(runs.holding(sign, count))) == set(np.unique(parts[sign])) - {0}


def test_bands_change_nothing():
    from foreknow.cytology.bands import smoothed
    from foreknow.simulate.blur import gaussian_blur

    planes = torch.rand(2, 530, 60, generator=torch.Generator().manual_seed(0))
    assert torch.equal(smoothed(planes, 1.0), gaussian_blur(planes, 1.0))
    assert torch.equal(smoothed(planes, 2.6), gaussian_blur(planes, 2.6))


def test_a_surface_is_the_same_at_once_and_in_windows():
    from foreknow.cytology.surface import at_pixels

    surface = torch.rand(3, 7, 9, generator=torch.Generator().manual_seed(1))
    whole = at_pixels(surface, 8, (56, 72))
    assert torch.allclose(whole, torch.nn.functional.interpolate(surface[None], scale_factor=8, mode="bilinear")[0], atol=1e-5)
    assert torch.equal(at_pixels(surface, 8, (20, 31), (30, 41)), whole[:, 30:50, 41:])
