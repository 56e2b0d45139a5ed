"""A simulated run as files and from the command line."""

import csv
import json
import shutil
import subprocess

import numpy as np
import pytest
import tifffile
import torch
from pydicom import dcmread
from typer.testing import CliRunner

from foreknow.angiography.simulate import DisplaySettings, Relationship, RunSettings, simulate_run
from foreknow.angiography.simulation_files import simulate_to_folder
from foreknow.cli.app import app
from foreknow.errors import ParameterError

SMALL = RunSettings(frames=5, size=64, rate=2.5)
FILES = {
    "run.dcm", "vessels.tif", "background.tif", "absorption.tif", "vessel_mask.tif", "catheter_mask.tif", "tree.npz", "course.csv",
    "overview.png", "simulation.json",
}  # fmt: skip


def command(*arguments):
    return CliRunner().invoke(app, ["angiography", "simulate", *map(str, arguments)], prog_name="foreknow")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return folder, simulate_to_folder(folder, SMALL, 7)


def test_the_files_hold_the_run(written):
    folder, run = written
    assert {path.name for path in folder.iterdir()} == FILES
    for name, layer in (("vessels", run.vessels), ("background", run.background), ("absorption", run.absorption)):
        assert torch.equal(torch.as_tensor(tifffile.imread(folder / f"{name}.tif")), layer)
    assert np.array_equal(tifffile.imread(folder / "vessel_mask.tif"), 255 * run.mask.byte().numpy())
    tree = np.load(folder / "tree.npz", allow_pickle=False)
    assert tree["tracks_px"].shape == (5, len(tree["radius_mm"]), 2)
    assert tree["name"][0] == "left main"
    rows = list(csv.DictReader((folder / "course.csv").read_text().splitlines()))
    assert [int(row["vessel_pixels"]) for row in rows] == run.mask.sum(dim=(1, 2)).tolist()
    content = json.loads((folder / "simulation.json").read_text())
    assert content["seed"] == 7
    assert content["settings"]["frames"] == 5
    assert content["settings"]["display"]["relationship"] == "LIN"


@pytest.mark.parametrize("relationship", list(Relationship))
def test_the_dicom_file(tmp_path, relationship):
    bits = 8 if relationship is Relationship.DISPLAY else 12
    run = simulate_to_folder(tmp_path, RunSettings(frames=3, size=65, rate=7.5, display=DisplaySettings(relationship, bits)), 1)
    data = dcmread(tmp_path / "run.dcm")
    assert np.array_equal(data.pixel_array, run.frames.numpy())
    assert data.file_meta.MediaStorageSOPClassUID.name == "X-Ray Angiographic Image Storage"
    assert (data.Modality, data.NumberOfFrames, data.Rows, data.Columns) == ("XA", 3, 65, 65)
    assert float(data.FrameTime) == pytest.approx(1000 / 7.5, abs=1e-3)
    assert data.PixelIntensityRelationship == relationship.value
    assert (data.BitsStored, data.PhotometricInterpretation) == (bits, "MONOCHROME2")
    assert float(data.PositionerPrimaryAngle) == pytest.approx(run.view.angles[0], abs=0.01)
    assert float(data.ImagerPixelSpacing[0]) == pytest.approx(130 / 65 * 1050 / 765, rel=1e-5)


@pytest.mark.parametrize("relationship", list(Relationship))
def test_the_dicom_file_is_valid(tmp_path, relationship):
    program = shutil.which("dciodvfy")
    if program is None:
        pytest.skip("no validator: install dicom3tools")
    bits = 8 if relationship is Relationship.DISPLAY else 12
    simulate_to_folder(tmp_path, RunSettings(frames=2, size=64, display=DisplaySettings(relationship, bits)), 1)
    done = subprocess.run([program, str(tmp_path / "run.dcm")], capture_output=True, text=True, check=False)  # noqa: S603
    assert not [line for line in done.stderr.splitlines() if line.startswith("Error")]


def test_the_patient_is_invented_and_undated(written):
    folder, _ = written
    data = dcmread(folder / "run.dcm")
    assert str(data.PatientName) == "SIMULATED^RUN"
    assert data.PatientID == data.StudyID == "SIMULATED"
    assert not any(
        data.get(name) for name in ("StudyDate", "StudyTime", "PatientBirthDate", "AccessionNumber", "ReferringPhysicianName")
    )


def test_equal_seeds_give_equal_files(tmp_path, written):
    folder, _ = written
    simulate_to_folder(tmp_path, SMALL, 7)
    for name in FILES - {"overview.png", "tree.npz"}:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_an_earlier_simulation_is_kept(written):
    folder, _ = written
    before = (folder / "run.dcm").read_bytes()
    with pytest.raises(ParameterError, match="add --overwrite"):
        simulate_to_folder(folder, SMALL, 8)
    assert (folder / "run.dcm").read_bytes() == before


def test_the_command(tmp_path):
    size = ("--frames", 3, "--size", 64, "--rate", 2)
    result = command("-o", tmp_path / "out", *size, "--artery", "right", "--angles", "-30", "10", "--pixels", "disp")
    assert result.exit_code == 0, result.output
    assert "3 frames of 64 x 64" in result.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    data = dcmread(tmp_path / "out" / "run.dcm")
    assert (data.BitsStored, float(data.PositionerPrimaryAngle)) == (8, -30.0)
    assert "right" in data.SeriesDescription


def test_the_command_compares_with_real_frames(tmp_path):
    for seed in range(3):
        run = simulate_run(RunSettings(frames=1, size=64, display=DisplaySettings(Relationship.DISPLAY, 8)), seed)
        tifffile.imwrite(tmp_path / f"{seed}.tif", run.frames[0].numpy().astype(np.uint8))
    result = command("-o", tmp_path / "out", "--frames", 2, "--size", 64, "--compare", tmp_path)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "comparison.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "8"], "32 to 2048 pixels"),
        (["--frames", "0"], "at least one frame"),
        (["--artery", "middle"], "left or right"),
        (["--pixels", "hounsfield"], "lin, log or disp"),
        (["--compare", "nowhere"], "has no images to compare with"),
    ],
)
def test_bad_input_ends_with_2_and_one_sentence(tmp_path, arguments, words):
    result = command("-o", tmp_path / "out", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()
