"""From files to results: the command line, its sentences and exit codes, and that nobody is named anywhere."""

import csv
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from dicom_files import SECRET, SECRET_DATE, SECRET_UID, plant, run_dataset, save
from PIL import Image
from pydicom import dcmread
from typer.testing import CliRunner

from foreknow.angiography import pictures
from foreknow.angiography.enhance_file import enhance_file
from foreknow.angiography.run_file import open_run
from foreknow.angiography.simulate import MotionSettings, RunSettings, simulate_run
from foreknow.cli.app import app
from foreknow.errors import ParameterError
from foreknow.files.video import open_video

FILES = {
    "vessels.tif", "background.tif", "soft_mask.tif", "mask.tif", "maximum_opacity.tif", "vessels.dcm", "background.dcm",
    "mask.dcm", "overlay.png", "maximum_opacity.png", "overlay.mp4", "branches.csv", "contrast.csv", "summary.json", "report.html",
}  # fmt: skip
PERSON = "DOE_JANE_19340517"
SECRETS = (SECRET, SECRET_DATE, SECRET_UID, "JANE")


def command(*arguments):
    return CliRunner().invoke(app, ["angiography", "enhance", *map(str, arguments)], prog_name="foreknow")


@pytest.fixture(scope="module")
def frames():
    return simulate_run(RunSettings(frames=12, size=64, motion=MotionSettings(pan=0.0)), 4).frames.numpy()


@pytest.fixture(scope="module")
def secret_run(tmp_path_factory, frames):
    data = run_dataset(frames, bits=12, FrameTime="66.7", LossyImageCompression="00")
    return save(tmp_path_factory.mktemp(PERSON) / f"{PERSON}.dcm", plant(data))


@pytest.fixture(scope="module")
def enhanced(tmp_path_factory, secret_run):
    out = tmp_path_factory.mktemp("out")
    return out, command(secret_run, "-o", out)


def test_all_files_are_there_and_agree(enhanced, secret_run):
    out, said = enhanced
    assert said.exit_code == 0, said.output
    folder = out / "run-001"
    assert {path.name for path in folder.iterdir()} == FILES
    vessels, background = (tifffile.imread(folder / f"{name}.tif") for name in ("vessels", "background"))
    assert np.allclose(vessels + background, open_run(secret_run).attenuation().numpy(), atol=1e-5)
    mask = tifffile.imread(folder / "mask.tif")
    assert set(np.unique(mask)) <= {0, 255}
    assert np.array_equal(tifffile.imread(folder / "maximum_opacity.tif"), vessels.max(axis=0))
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["name"] == "run-001"
    assert summary["frames"] == 12
    assert summary["vessel_share"] == pytest.approx((mask > 0).mean(), rel=1e-4)
    assert summary["converged"] is True
    contrast = list(csv.DictReader((folder / "contrast.csv").read_text().splitlines()))
    assert len(contrast) == 12
    branches = list(csv.DictReader((folder / "branches.csv").read_text().splitlines()))
    assert len(branches) == summary["branches"] == len(contrast[0]) - 3
    film = open_video(folder / "overlay.mp4", "the film")
    assert (film.frames, film.rows, film.columns) == (12, 64, 128)
    assert np.diff(film.seconds) == pytest.approx(0.0667, abs=1e-3)
    assert b'src="data:video/mp4' in (folder / "report.html").read_bytes()


def test_the_film_is_a_gif_where_nothing_encodes_mp4(tmp_path, secret_run, monkeypatch):
    monkeypatch.setattr(pictures, "can_write_mp4", lambda: False)
    enhance_file(secret_run, tmp_path / "a")
    assert not (tmp_path / "a" / "overlay.mp4").exists()
    with Image.open(tmp_path / "a" / "overlay.gif") as film:
        assert film.n_frames == 12
        assert film.size == (128, 64)
    assert b'src="data:image/gif' in (tmp_path / "a" / "report.html").read_bytes()


def test_derived_dicom_is_valid_and_keeps_the_values(enhanced):
    folder = enhanced[0] / "run-001"
    for name, layer in (("vessels", "vessels"), ("background", "background"), ("mask", "mask")):
        data = dcmread(folder / f"{name}.dcm")
        values = data.pixel_array * float(data.RescaleSlope) + float(data.RescaleIntercept)
        scale = 1 if name == "mask" else 1000
        assert np.abs(values - scale * tifffile.imread(folder / f"{layer}.tif")).max() <= 0.51
        assert float(data.FrameTime) == pytest.approx(66.7)
        assert data.PatientIdentityRemoved == "YES"
        checker = shutil.which("dciodvfy")
        if checker:
            said = subprocess.run([checker, folder / f"{name}.dcm"], capture_output=True, text=True, check=False)  # noqa: S603
            assert "Error" not in said.stderr + said.stdout, said.stderr


def test_nobody_is_named_in_any_output(enhanced, secret_run):
    assert secret_run.read_bytes().count(SECRET.encode()) > 500
    out, said = enhanced
    assert not any(secret in said.output + said.stderr for secret in SECRETS)
    for path in out.rglob("*"):
        assert not any(secret in str(path.relative_to(out)) for secret in SECRETS)
        content = path.read_bytes() if path.is_file() else b""
        for secret in SECRETS:
            assert secret.encode() not in content, (path.name, secret)
            assert secret.encode("utf-16-le") not in content, (path.name, secret)


def test_a_bad_run_leaves_the_others_alone_and_names_nobody(tmp_path, secret_run, frames):
    folder = tmp_path / PERSON
    folder.mkdir()
    (folder / f"{PERSON}_1.dcm").write_bytes(secret_run.read_bytes()[:-40_000])
    shutil.copy(secret_run, folder / f"{PERSON}_2.dcm")
    save(folder / f"{PERSON}_10.dcm", plant(run_dataset(frames[[3, 3, 3]], bits=12)))
    said = command(folder, "-o", tmp_path / "out", "--no-report")
    assert said.exit_code == 2
    assert "run-001 has frames that are damaged or cut off" in said.stderr
    assert "run-003 has the same picture in all 3 frames" in said.stderr
    assert not any(secret in said.output + said.stderr for secret in SECRETS)
    rows = list(csv.DictReader((tmp_path / "out" / "summary.csv").read_text().splitlines()))
    assert [row["status"] for row in rows] == ["failed", "ok", "failed"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"run-002", "summary.csv"}
    assert not (tmp_path / "out" / "run-002" / "report.html").exists()


def test_runs_side_by_side_give_the_same_results(tmp_path, secret_run, frames):
    folder = tmp_path / PERSON
    folder.mkdir()
    shutil.copy(secret_run, folder / f"{PERSON}_1.dcm")
    (folder / f"{PERSON}_2.dcm").write_bytes(secret_run.read_bytes()[:-40_000])
    save(folder / f"{PERSON}_3.dcm", run_dataset(frames[::-1].copy(), bits=12))
    for jobs in (1, 2):
        said = command(folder, "-o", tmp_path / f"out{jobs}", "--no-report", "--mode", "classical", "--jobs", jobs)
        assert said.exit_code == 2
        assert "run-002 has frames that are damaged or cut off" in said.stderr
        assert not any(secret in said.output + said.stderr for secret in SECRETS)
    rows = [list(csv.DictReader((tmp_path / f"out{jobs}" / "summary.csv").read_text().splitlines())) for jobs in (1, 2)]
    assert [row["status"] for row in rows[1]] == ["ok", "failed", "ok"]
    assert [row["message"] for row in rows[0]] == [row["message"] for row in rows[1]]
    for name in ("run-001", "run-003"):
        one, other = (tifffile.imread(tmp_path / f"out{jobs}" / name / "vessels.tif") for jobs in (1, 2))
        # Sums are rounded by the number of threads, which load changes too; a component at a level of the mask may go either way.
        assert np.abs(one - other).mean() < 1e-4
        assert (np.abs(one - other) > 1e-3).mean() < 1e-2
        assert one.max() > 0.1


def test_a_folder_of_pictures_is_one_run(tmp_path, frames):
    for number, frame in enumerate(frames):
        Image.fromarray((frame / 16).astype(np.uint8)).save(tmp_path / f"JANE{number}.png")
    said = command(tmp_path, "-o", tmp_path / "out", "--pixels", "lin", "--no-report")
    assert said.exit_code == 0, said.output
    summary = json.loads((tmp_path / "out" / "run-001" / "summary.json").read_text())
    assert (summary["frames"], summary["pixel_intensity_relationship"]) == (12, "LIN")
    assert summary["frames_per_second"] is None
    again = command(tmp_path, "-o", tmp_path / "out", "--no-report")
    assert again.exit_code == 2
    assert "holds results already" in again.stderr


def test_bad_usage(tmp_path, secret_run):
    assert command(tmp_path / "nothing", "-o", tmp_path / "out").exit_code == 2
    assert "input 1 of 1 does not exist" in command(tmp_path / "JANE", "-o", tmp_path / "out").stderr
    (tmp_path / "empty").mkdir()
    assert "folder without runs" in command(tmp_path / "empty", "-o", tmp_path / "out").stderr
    assert "--pixels is lin, log or disp" in command(secret_run, "-o", tmp_path / "out", "--pixels", "x").stderr
    assert not (tmp_path / "out").exists()


def test_results_are_not_replaced_unless_asked_for(tmp_path, secret_run):
    enhance_file(secret_run, tmp_path / "a", report=False)
    with pytest.raises(ParameterError, match="holds results already"):
        enhance_file(secret_run, tmp_path / "a", report=False)
    enhance_file(secret_run, tmp_path / "a", report=False, overwrite=True)


@pytest.mark.slow
def test_memory_of_a_large_run_is_some_copies_of_it(tmp_path):
    frames = simulate_run(RunSettings(frames=40, size=256), 4).frames.repeat_interleave(4, -1).repeat_interleave(4, -2)
    save(tmp_path / "large.dcm", run_dataset(frames.numpy().astype(np.uint16), bits=12))
    script = (
        "import resource, sys\n"
        "from foreknow.angiography import Enhancer, Mode, enhance_file\n"
        "enhancer = Enhancer(Mode.NETWORK)\n"
        "enhancer.require_model()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "enhance_file(sys.argv[1], sys.argv[2], enhancer, report=False)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    arguments = [sys.executable, "-c", script, tmp_path / "large.dcm", tmp_path / "out"]
    said = subprocess.run(arguments, capture_output=True, text=True, check=True)  # noqa: S603
    assert 1024 * int(said.stdout) < 9 * 4 * 40 * 1024**2  # of 4 bytes a pixel
