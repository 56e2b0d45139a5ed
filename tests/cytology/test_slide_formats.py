"""Slides as scanners write them, found and read: Aperio's TIFF, DICOM, NDPI, MIRAX."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scanner_files import write_aperio, write_dicom, write_mirax, write_ndpi
from typer.testing import CliRunner

from foreknow.cli.app import app
from foreknow.cytology.batch import DetectOptions, detect_file
from foreknow.cytology.settings import DetectSettings
from foreknow.cytology.simulate import SmearSettings, simulate_smear
from foreknow.cytology.simulate.camera import CameraSettings
from foreknow.cytology.slide_file import OpenSlideSlide, TiffSlide, at_working_size, is_slide, open_slide

openslide = pytest.importorskip("openslide")


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    even = CameraSettings(exposure=(0.97, 0.97), vignetting=(0.0, 0.0), gradient=(0.0, 0.0))  # as a scanner makes it
    return simulate_smear(SmearSettings(height=512, width=640, cells=14, camera=even), 2).image.numpy()


def test_an_aperio_slide_is_read_at_its_best_level(tmp_path: Path, pixels: np.ndarray):
    path = tmp_path / "slide.svs"
    write_aperio(path, pixels, 0.125)
    assert openslide.OpenSlide.detect_format(str(path)) == "aperio"
    assert is_slide(path)
    with open_slide(path) as slide:
        assert isinstance(slide, TiffSlide)
        assert (slide.size, slide.downsample, slide.pixel_um) == ((128, 160), 4, 0.5)
        assert np.abs(slide.read(10, 20, 60, 70).astype(int) - pixels[::4, ::4][10:70, 20:90]).mean() < 6
    write_aperio(path, pixels, 0.25)
    with open_slide(path) as slide:
        assert slide.size == (512, 640)
        assert at_working_size(slide).pixel_um == 0.5
    other = OpenSlideSlide(path)
    assert (other.size, other.pixel_um) == ((512, 640), 0.25)
    with TiffSlide(path) as slide:
        assert np.abs(slide.read(64, 32, 100, 200).astype(int) - other.read(64, 32, 100, 200)).max() <= 3
    other.close()


def test_cells_of_a_dicom_slide_are_found_and_no_name_gets_out(tmp_path: Path, pixels: np.ndarray):
    path = tmp_path / "in" / "slide.dcm"
    path.parent.mkdir()
    write_dicom(path, pixels, 0.5)
    assert openslide.OpenSlide.detect_format(str(path)) == "dicom"
    with open_slide(path) as slide:
        assert isinstance(slide, OpenSlideSlide)
        assert (slide.size, slide.pixel_um) == ((512, 640), 0.5)
        assert np.abs(slide.read(100, 50, 200, 300).astype(int) - pixels[100:300, 50:350]).mean() < 3
    summary = detect_file(path, tmp_path / "out", DetectOptions(DetectSettings(side=64)))
    assert summary["cells"] > 3
    assert summary["pixel_um"] == 0.5
    for file in (tmp_path / "out").iterdir():
        content = file.read_bytes()
        assert b"Secret" not in content
        assert b"SECRET1" not in content


def test_a_truncated_dicom_slide_is_told(tmp_path: Path, pixels: np.ndarray):
    from foreknow.errors import InputFileError

    path = tmp_path / "slide.dcm"
    write_dicom(path, pixels, 0.5)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(InputFileError, match=r"slide\.dcm"):
        open_slide(path)


@pytest.mark.parametrize("kind", ["ndpi", "mrxs", "mrxs with overlaps"])
def test_cells_of_scanner_files_are_found_by_the_command(tmp_path: Path, pixels: np.ndarray, kind: str):
    path = tmp_path / "in" / f"slide.{kind[:4]}"
    path.parent.mkdir()
    if kind == "ndpi":
        write_ndpi(path, pixels, 0.5)
    else:
        write_mirax(path, pixels, 0.5, overlap=16 if kind.endswith("overlaps") else 0)
    assert openslide.OpenSlide.detect_format(str(path)) == ("hamamatsu" if kind == "ndpi" else "mirax")
    with open_slide(path) as slide:
        assert isinstance(slide, TiffSlide if kind == "ndpi" else OpenSlideSlide)
        assert (slide.pixel_um, slide.downsample) == (0.5, 1)
        assert np.abs(slide.read(100, 50, 200, 300).astype(int) - pixels[100:300, 50:350]).mean() < 3
    result = CliRunner().invoke(app, ["cytology", "detect", str(path.parent), "-o", str(tmp_path / "out"), "--no-report"])
    assert result.exit_code == 0, result.output
    found = tifffile.imread(tmp_path / "out" / "slide" / "cells.tif")[: pixels.shape[0], : pixels.shape[1]] > 0
    write_aperio(tmp_path / "slide.svs", pixels, 0.5)
    same = detect_file(tmp_path / "slide.svs", tmp_path / "same", DetectOptions(report=False))
    assert same["cells"] > 3
    expected = tifffile.imread(tmp_path / "same" / "cells.tif") > 0
    assert 2 * (found & expected).sum() / (found.sum() + expected.sum()) > 0.9
    with (tmp_path / "out" / "slide" / "cells.csv").open() as file:
        assert all(float(row["area_um2"]) == pytest.approx(int(row["area_px"]) / 4) for row in csv.DictReader(file))
    if kind != "ndpi":
        beyond = tifffile.imread(tmp_path / "out" / "slide" / "cells.tif")[-250:] > 0
        assert not beyond.any()  # nothing was scanned there
    for file in (tmp_path / "out" / "slide").iterdir():
        assert b"Secret" not in file.read_bytes()


def test_ndpi_is_the_same_by_tifffile_and_by_openslide(tmp_path: Path, pixels: np.ndarray):
    path = tmp_path / "slide.ndpi"
    write_ndpi(path, pixels, 0.4)
    other = OpenSlideSlide(path)
    with TiffSlide(path) as slide:
        assert (slide.size, slide.pixel_um) == (other.size, other.pixel_um) == ((512, 640), 0.4)
        assert np.abs(slide.read(60, 30, 100, 200).astype(int) - other.read(60, 30, 100, 200)).max() <= 3
    other.close()


def test_what_a_mirax_slide_lacks_is_told(tmp_path: Path, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "slide.mrxs"
    write_mirax(path, pixels, 0.5)
    command = ["cytology", "detect", str(path), "-o", str(tmp_path / "out")]
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "openslide", None)
        told = CliRunner().invoke(app, command)
    assert told.exit_code == 2
    assert "pip install 'foreknow[slides]'" in " ".join(told.output.split())
    (path.with_suffix("") / "Index.dat").unlink()
    told = CliRunner().invoke(app, command)
    assert told.exit_code == 2
    assert "with the files beside it" in " ".join(told.output.split())
