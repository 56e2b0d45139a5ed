"""Whole slides: read in windows, worked on in tiles, seamless, resumable."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from foreknow.cytology.batch import DetectOptions, detect_file
from foreknow.cytology.measure import CellRow
from foreknow.cytology.network.find import network_finder
from foreknow.cytology.settings import DetectSettings
from foreknow.cytology.simulate import SmearSettings, simulate_smear
from foreknow.cytology.slide import detect_slide
from foreknow.cytology.slide_assembly import RowSample
from foreknow.cytology.slide_file import ArraySlide, TiffSlide, at_working_size, is_slide, level_for, open_slide
from foreknow.cytology.slide_scale import SlideScale, slide_scale
from foreknow.cytology.slide_tile_files import detect_tiles, read_tiles, tile_file, work_key
from foreknow.cytology.slide_tiles import detect_tile, tiles_of
from foreknow.errors import InputFileError

SETTINGS = DetectSettings(side=64)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return simulate_smear(SmearSettings(height=512, width=640, cells=14), 2).image.numpy()


def test_level_nearest_to_half_a_micrometre():
    assert level_for(0.25, [1, 4, 16]) == 0
    assert level_for(0.125, [1, 4, 16]) == 1
    assert level_for(None, [1, 4]) == 0
    assert level_for(2.0, [1, 4]) == 0


def test_finer_slides_are_reduced_to_working_size(pixels: np.ndarray):
    slide = at_working_size(ArraySlide(pixels, 0.23))
    assert slide.size == (256, 320)
    assert slide.pixel_um == pytest.approx(0.46)
    assert slide.downsample == 2
    means = pixels[20:60, 40:100].reshape(20, 2, 30, 2, 3).astype(float).mean(axis=(1, 3))
    assert np.abs(slide.read(10, 20, 20, 30).astype(float) - means).max() <= 0.5
    assert at_working_size(ArraySlide(pixels, 0.5)).downsample == 1
    assert at_working_size(ArraySlide(pixels)).downsample == 1


def test_pyramid_is_read_in_windows(tmp_path: Path, pixels: np.ndarray):
    path = tmp_path / "pyramid.ome.tif"
    with tifffile.TiffWriter(path) as writer:
        options = {"tile": (128, 128), "photometric": "rgb", "compression": "zlib"}
        writer.write(pixels, subifds=1, metadata={"axes": "YXS", "PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm"}, **options)
        writer.write(pixels[::2, ::2], subfiletype=1, **options)
    with open_slide(path) as slide:
        assert isinstance(slide, TiffSlide)
        assert slide.size == (256, 320)
        assert slide.downsample == 2
        assert slide.pixel_um == 0.5
        assert np.array_equal(slide.read(10, 20, 30, 40), pixels[::2, ::2][10:40, 20:60])
    assert not is_slide(path)
    (tmp_path / "bad.svs").write_bytes(b"nothing")
    with pytest.raises(InputFileError, match="cannot be read as a slide"):
        open_slide(tmp_path / "bad.svs")


def test_tiles_of_a_slide_are_seamless(tmp_path: Path, pixels: np.ndarray):
    slide = ArraySlide(pixels)
    scale = slide_scale(slide, SETTINGS)
    (whole,) = (detect_tile(slide, tile, scale, SETTINGS) for tile in tiles_of(slide.size, 1024))
    tiles = tiles_of(slide.size, 256)
    detect_tiles(slide, tiles, scale, SETTINGS, tmp_path, jobs=2)
    parts = list(read_tiles(tiles, tmp_path))
    mask = np.zeros(slide.size, dtype=bool)
    for part in parts:
        mask[part.cells.place] |= part.cells.labels > 0
    truth = np.zeros(slide.size, dtype=bool)
    truth[whole.cells.place] = whole.cells.labels > 0
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.97
    assert abs(sum(len(part.rows) for part in parts) - len(whole.rows)) <= 0.25 * len(whole.rows) + 1


def test_slide_results_agree_and_an_interrupted_run_goes_on(tmp_path: Path, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "slide.tif"
    tifffile.imwrite(path, pixels, tile=(128, 128), photometric="rgb")
    monkeypatch.setattr("foreknow.cytology.slide.tiles_of", lambda size: tiles_of(size, 256))
    options = DetectOptions(SETTINGS, pixel_um=0.5)

    def stop(share: float) -> None:
        if share > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        detect_slide(path, tmp_path / "out", options, "slide", stop)
    assert not (tmp_path / "out").exists()
    (work,) = tmp_path.glob(".slide-*.tiles")
    kept = tile_file(work, tiles_of((512, 640), 256)[0])
    before = kept.stat().st_mtime_ns
    monkeypatch.setattr("foreknow.cytology.slide_tile_files._write", _spy(calls := []))
    summary = detect_slide(path, tmp_path / "out", options, "slide")
    assert 0 < len(calls) < 6
    assert before > 0
    assert not work.exists()
    labels = tifffile.imread(tmp_path / "out" / "cells.tif")
    with (tmp_path / "out" / "cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert labels.shape == (512, 640)
    assert summary["cells"] == len(rows) == labels.max()
    with (tmp_path / "out" / "nuclei.csv").open() as file:
        nuclei = list(csv.DictReader(file))
    marked = tifffile.imread(tmp_path / "out" / "nuclei.tif")
    assert summary["nuclei"] == len(nuclei) == marked.max() > 0
    assert len(json.loads((tmp_path / "out" / "nuclei.geojson").read_text())["features"]) == len(nuclei)
    for row in nuclei:
        assert int(row["area_px"]) >= (marked == int(row["label"])).sum() > 0
        assert int(row["cell"]) == labels[min(511, round(float(row["y"]))), min(639, round(float(row["x"])))]
    features = json.loads((tmp_path / "out" / "cells.geojson").read_text())["features"]
    assert len(features) <= len(rows)
    assert len(features) >= 0.9 * len(rows)
    assert "not a diagnosis" in (tmp_path / "out" / "report.html").read_text()


def _spy(calls: list[int]):
    from foreknow.cytology import slide_tile_files

    write = slide_tile_files._write

    def spied(work, found):
        calls.append(found.tile.number)
        write(work, found)

    return spied


def test_a_network_gives_the_background_of_a_slide(tmp_path: Path, pixels: np.ndarray):
    path = tmp_path / "slide.tif"
    tifffile.imwrite(path, pixels, tile=(128, 128), photometric="rgb")
    finder = network_finder("shipped")
    scale = slide_scale(ArraySlide(pixels), SETTINGS, finder)
    solved = slide_scale(ArraySlide(pixels), SETTINGS)
    assert scale.background.certificate is None
    assert not torch.equal(scale.background.surface, solved.background.surface)
    assert float((scale.surface(0, 0, 512, 640) - solved.surface(0, 0, 512, 640)).abs().mean()) < 0.03
    summary = detect_slide(path, tmp_path / "out", DetectOptions(SETTINGS, finder, report=False), "slide")
    assert summary["background"] == "shipped"
    assert summary["relative_duality_gap"] is None
    assert summary["cells"] > 3
    solved.save(tmp_path / "scale.npz")
    again = SlideScale.load(tmp_path / "scale.npz")
    assert torch.equal(again.surface(9, 8, 40, 50), solved.surface(9, 8, 40, 50))
    assert (again.scale.radius, again.scale.look) == (solved.scale.radius, solved.scale.look)
    assert again.background.certificate == solved.background.certificate
    assert work_key(path, SETTINGS, None, finder.fingerprint) != work_key(path, SETTINGS, None, "solver")


def test_a_slide_without_a_cell_gets_empty_results(tmp_path: Path):
    glass = np.random.default_rng(0).normal(220, 2, (300, 400, 3)).astype(np.uint8)
    path = tmp_path / "glass.tif"
    tifffile.imwrite(path, glass, photometric="rgb")
    summary = detect_slide(path, tmp_path / "out", DetectOptions(SETTINGS), "glass")
    assert (summary["cells"], summary["nuclei"], summary["covered"]) == (0, 0, 0)
    assert tifffile.imread(tmp_path / "out" / "nuclei.tif").max() == 0
    assert json.loads((tmp_path / "out" / "cells.geojson").read_text())["features"] == []
    assert len((tmp_path / "out" / "cells.csv").read_text().splitlines()) == 1
    assert "No cell was found" in (tmp_path / "out" / "report.html").read_text()


def test_of_many_cells_an_even_part_is_remembered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("foreknow.cytology.slide_assembly._MOST_ROWS", 10)
    sample = RowSample()
    cell = CellRow(0, 0, 0, 0, 0, 1, 1, 1, None, 1, 1, False, 1, 0, None, (), ())
    for number in range(1, 101):
        sample.add(replace(cell, label=number))
    assert sample.count == sample.with_nucleus == 100
    assert [row.label for row in sample.rows] == list(range(1, 101, sample.every))
    assert 5 <= len(sample.rows) <= 10


def test_large_images_are_worked_on_in_tiles(tmp_path: Path, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "large.tif"
    tifffile.imwrite(path, pixels, photometric="rgb")
    assert not is_slide(path)
    monkeypatch.setattr("foreknow.cytology.slide_file.LARGE", 100_000)
    assert is_slide(path)
    summary = detect_file(path, tmp_path / "out", DetectOptions(SETTINGS, report=False))
    assert summary["tiles"] == 1
    assert summary["cells"] > 0
