"""The command line of modes, formats, videos and training: files, sentences, and that nobody is named anywhere."""

import json

import numpy as np
import pytest
import torch
from dicom_files import SECRET, SECRET_DATE, SECRET_UID, plant, run_dataset, save
from PIL import Image
from typer.testing import CliRunner

from foreknow.angiography.attenuation import APPROXIMATE
from foreknow.angiography.network.injection import InjectionNumbers, inject
from foreknow.angiography.network.saved import load_network, save_network
from foreknow.angiography.network.train_on_runs import train_on_runs
from foreknow.angiography.network.vessel_network import VesselNetwork
from foreknow.angiography.run_file import open_run
from foreknow.angiography.simulate import DisplaySettings, MotionSettings, Relationship, RunSettings, simulate_run
from foreknow.angiography.simulate.bolus import BolusSettings
from foreknow.cli.app import app
from foreknow.errors import DataError, ParameterError
from foreknow.learn import Silent

PERSON = "DOE_JANE_19340517"
SECRETS = (SECRET, SECRET_DATE, SECRET_UID, "JANE")
TINY = InjectionNumbers(epochs=1, items=2, frames=4, view=32, simulated=0, learning_rate=1e-3)


def command(*arguments):
    return CliRunner().invoke(app, ["angiography", *map(str, arguments)], prog_name="foreknow")


def assert_nobody_is_named(folder, said=""):
    assert not any(secret in said for secret in SECRETS)
    for path in folder.rglob("*"):
        assert not any(secret in str(path.relative_to(folder)) for secret in SECRETS)
        content = path.read_bytes() if path.is_file() else b""
        for secret in SECRETS:
            assert secret.encode() not in content, (path.name, secret)
            assert secret.encode("utf-16-le") not in content, (path.name, secret)


@pytest.fixture(scope="module")
def frames():
    settings = RunSettings(frames=10, size=64, motion=MotionSettings(pan=0.0), bolus=BolusSettings(start=(-2.2, -1.8)))
    return simulate_run(settings, 4).frames.numpy()


@pytest.fixture(scope="module")
def secret_run(tmp_path_factory, frames):
    data = run_dataset(frames, bits=12, FrameTime="66.7", LossyImageCompression="00")
    return save(tmp_path_factory.mktemp(PERSON) / f"{PERSON}.dcm", plant(data))


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory):
    torch.manual_seed(0)
    network = VesselNetwork((8, 8, 8), 2, 12.0)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_network(folder, network, {"filters": [8, 8, 8], "block": 2, "shades": 12.0})
    return folder


@pytest.mark.parametrize("mode", ["unrolled", "network", "frame"])
def test_every_mode_writes_the_same_files_and_names_nobody(tmp_path, secret_run, mode):
    out = tmp_path / "out"
    said = command("enhance", secret_run, "-o", out, "--mode", mode, "--also", "npz")
    assert said.exit_code == 0, said.output + said.stderr
    assert_nobody_is_named(out, said.output + said.stderr)
    folder = out / "run-001"
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["mode"] == mode
    assert (summary["relative_duality_gap"] is None) == (mode != "unrolled")
    attenuation = open_run(secret_run).attenuation().numpy()
    with np.load(folder / "layers.npz") as layers:
        assert np.allclose(layers["vessels"] + layers["background"], attenuation, atol=1e-5)
        assert layers["mask"].shape == attenuation.shape
        assert layers["seconds"][1] == pytest.approx(0.0667)
    assert "scroll-snap-type" in (folder / "report.html").read_text()


def test_a_single_picture_is_looked_at_by_the_network(tmp_path, frames):
    Image.fromarray((frames[5] / 16).astype(np.uint8)).save(tmp_path / "JANE.png")
    said = command("enhance", tmp_path / "JANE.png", "-o", tmp_path / "out")
    assert said.exit_code == 0, said.output + said.stderr
    summary = json.loads((tmp_path / "out" / "run-001" / "summary.json").read_text())
    assert (summary["mode"], summary["frames"]) == ("frame", 1)
    assert APPROXIMATE in summary["notices"]
    assert_nobody_is_named(tmp_path / "out", said.output + said.stderr)


def test_resume_skips_what_is_done_and_only_that(tmp_path, secret_run):
    arguments = ("enhance", secret_run, "-o", tmp_path, "--mode", "frame", "--no-report")
    assert command(*arguments).exit_code == 0
    before = (tmp_path / "run-001" / "summary.json").stat().st_mtime_ns
    said = command(*arguments, "--resume")
    assert said.exit_code == 0
    assert "1 runs were done already" in said.output
    assert (tmp_path / "run-001" / "summary.json").stat().st_mtime_ns == before
    assert command("enhance", secret_run, "-o", tmp_path, "--mode", "network", "--no-report", "--resume").exit_code == 0
    assert json.loads((tmp_path / "run-001" / "summary.json").read_text())["mode"] == "network"


def test_wrong_modes_models_and_formats(tmp_path, secret_run):
    for arguments, sentence in (
        (("--mode", "x"), "--mode is one of auto, classical"),
        (("--mode", "classical", "--model", tmp_path), "no meaning"),
        (("--mode", "network", "--model", tmp_path / "none"), "holds no saved model"),
        (("--also", "bmp"), "npz and nifti"),
    ):
        said = command("enhance", secret_run, "-o", tmp_path / "out", *arguments)
        assert said.exit_code == 2, arguments
        assert sentence in said.stderr.replace("\n", " "), said.stderr
    assert not (tmp_path / "out" / "run-001").exists()


@pytest.mark.parametrize("relationship", [Relationship.LINEAR, Relationship.LOGARITHMIC, Relationship.DISPLAY])
def test_how_values_follow_from_exposure_is_respected_to_the_end(tmp_path, relationship):
    display = DisplaySettings(relationship, bits=8 if relationship is Relationship.DISPLAY else 12, sharpening=0.0)
    settings = RunSettings(frames=8, size=64, display=display, motion=MotionSettings(pan=0.0))
    from foreknow.angiography.simulation_files import simulate_to_folder

    run = simulate_to_folder(tmp_path / "run", settings, seed=2)
    said = command("enhance", tmp_path / "run" / "run.dcm", "-o", tmp_path / "out", "--no-report", "--also", "npz")
    assert said.exit_code == 0, said.output + said.stderr
    summary = json.loads((tmp_path / "out" / "run-001" / "summary.json").read_text())
    assert summary["pixel_intensity_relationship"] == relationship.value
    assert (APPROXIMATE in summary["notices"]) == (relationship is Relationship.DISPLAY)
    with np.load(tmp_path / "out" / "run-001" / "layers.npz") as layers:
        whole = layers["vessels"] + layers["background"]
    difference = whole - run.attenuation.numpy()
    assert np.abs(difference - np.median(difference)).mean() < 0.02  # the same attenuation, but for a constant and rounding


def test_a_video_is_a_run(tmp_path, frames):
    av = pytest.importorskip("av")
    grey = (frames / 16).astype(np.uint8)
    with av.open(str(tmp_path / "JANE.avi"), "w") as container:
        stream = container.add_stream("ffv1", rate=15)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "gray"
        packets = [packet for frame in grey for packet in stream.encode(av.VideoFrame.from_ndarray(frame, format="gray"))]
        for packet in [*packets, *stream.encode()]:
            container.mux(packet)
    run = open_run(tmp_path / "JANE.avi")
    assert (run.frames, run.height, run.kind) == (10, 64, "video, 8 bits")
    assert run.rate == pytest.approx(15)
    assert np.allclose(run.attenuation().numpy(), -np.log(np.maximum(grey, 0.5) / 255), atol=1e-5)
    content = (tmp_path / "JANE.avi").read_bytes()
    (tmp_path / "JANE.avi").write_bytes(content[:500])
    said = command("enhance", tmp_path / "JANE.avi", "-o", tmp_path / "out")
    assert said.exit_code == 2
    assert "run-001 is no video that can be read to its end" in said.stderr
    assert "JANE" not in said.output + said.stderr


def test_layers_as_nifti(tmp_path, secret_run):
    nibabel = pytest.importorskip("nibabel")
    said = command("enhance", secret_run, "-o", tmp_path, "--mode", "frame", "--no-report", "--also", "nifti")
    assert said.exit_code == 0, said.output + said.stderr
    image = nibabel.load(tmp_path / "run-001" / "vessels.nii.gz")
    assert image.shape == (64, 64, 1, 10)
    assert float(image.header.get_zooms()[3]) == pytest.approx(0.0667, rel=1e-3)
    assert_nobody_is_named(tmp_path)


def test_training_on_own_runs_lowers_the_gap_and_names_nobody(tmp_path, secret_run, frames, tiny_model):
    (tmp_path / PERSON).mkdir()
    save(tmp_path / PERSON / f"{PERSON}_1.dcm", plant(run_dataset(frames[:6], bits=12)))
    save(tmp_path / PERSON / f"{PERSON}_2.dcm", plant(run_dataset(frames[:1], bits=12)))
    folder = tmp_path / "model"
    told = []
    outcome = train_on_runs(
        [secret_run, tmp_path / PERSON], folder, TINY, model=tiny_model, progress=Silent(), read=lambda *done: told.append(done)
    )
    assert outcome.runs == 2
    assert told[-1] == (3, 3)
    assert any("run-003 has 1 frame" in failure for failure in outcome.failures)
    before, after = outcome.injection.gap
    assert 0 <= after <= before
    assert "background" in outcome.injection.formula
    assert_nobody_is_named(folder)
    assert (folder / "report.html").exists()
    network, description = load_network(folder)
    assert description.metrics["gap to the optimum after"] == pytest.approx(after)
    assert network(torch.rand(1, 1, 32, 32))["gate"].shape == (1, 1, 32, 32)
    with pytest.raises(ParameterError, match="holds a model already"):
        train_on_runs([secret_run], folder, TINY, model=tiny_model)
    said = command("enhance", secret_run, "-o", tmp_path / "out", "--mode", "network", "--model", folder, "--no-report")
    assert said.exit_code == 0, said.output + said.stderr


def test_too_little_to_learn_from(tmp_path, frames):
    torch.manual_seed(0)
    film = open_film(frames)
    numbers = InjectionNumbers(epochs=1, items=1, frames=4, view=32, simulated=0)
    with pytest.raises(DataError, match="give more runs"):
        inject(VesselNetwork((8, 8, 8)), [film[:6]], tmp_path, numbers, progress=Silent())
    with pytest.raises(DataError, match="0 of 1 runs are long enough"):
        inject(VesselNetwork((8, 8, 8)), [film[:2]], tmp_path, numbers, progress=Silent())


def test_bad_usage_of_training(tmp_path, secret_run):
    assert "name folders of runs" in command("train", "-o", tmp_path / "a").stderr
    assert "name folders of runs" in command("train", secret_run, "--simulated", "network", "-o", tmp_path / "a").stderr
    assert "network or unrolled, not 'x'" in command("train", "--simulated", "x", "-o", tmp_path / "a").stderr
    assert "input 1 of 1 does not exist" in command("train", tmp_path / "JANE", "-o", tmp_path / "a").stderr


def open_film(frames):
    return -torch.as_tensor(np.maximum(frames.astype(np.float32), 1) / 4095).log()
