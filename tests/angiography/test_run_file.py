"""Runs in every usual encoding become the same attenuation; bad files end in a sentence that quotes nothing."""

import logging
import shutil
import subprocess

import numpy as np
import pytest
import tifffile
import torch
from dicom_files import SECRET, SECRET_DATE, SECRET_UID, noise_frames, plant, run_dataset, save
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import MPEG4HP41, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from foreknow.angiography.run_file import open_run
from foreknow.angiography.simulate import DisplaySettings, Relationship, RunSettings
from foreknow.angiography.simulation_files import simulate_to_folder
from foreknow.errors import InputFileError
from foreknow.files.dicom import DerivedSettings, read_header, stored_blocks, write_derived


def stored(path):
    header = read_header(path, "run-001")
    return header, np.concatenate(list(stored_blocks(path, header, "run-001", size=3)))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, JPEG2000Lossless])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_every_encoding_gives_the_stored_values(tmp_path, syntax, bits):
    frames = noise_frames(bits=bits)
    header, read = stored(save(tmp_path / "run.dcm", run_dataset(frames, bits=bits, syntax=syntax)))
    assert np.array_equal(read, frames)
    assert (header.bits, header.frames) == (bits, 4)


def test_unused_bits_signs_and_colours(tmp_path):
    frames = noise_frames(bits=12)
    data = run_dataset(frames + 0xA000, bits=12)  # what old systems keep there, such as overlays
    assert np.array_equal(stored(save(tmp_path / "over.dcm", data))[1], frames)
    data = run_dataset(frames, bits=12, PixelRepresentation=1)
    assert np.array_equal(stored(save(tmp_path / "signed.dcm", data))[1], np.where(frames < 2048, frames, frames - 4096))
    colours = np.repeat(noise_frames()[..., None], 3, axis=-1)
    data = run_dataset(
        colours.reshape(4, 40, 144), Columns=48, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0
    )
    assert np.array_equal(stored(save(tmp_path / "rgb.dcm", data))[1], colours[..., 0])


def test_an_icon_is_not_the_run(tmp_path):
    icon = Dataset()
    icon.Rows = icon.Columns = 2
    icon.SamplesPerPixel, icon.PhotometricInterpretation, icon.PixelRepresentation = 1, "MONOCHROME2", 0
    icon.BitsAllocated = icon.BitsStored = 8
    icon.HighBit = 7
    icon.PixelData = b"\1\2\3\4"
    icon["PixelData"].VR = "OB"
    for syntax in (ExplicitVRLittleEndian, RLELossless):
        frames = noise_frames()
        data = run_dataset(frames, syntax=syntax)
        data.IconImageSequence = Sequence([icon])
        assert np.array_equal(stored(save(tmp_path / "icon.dcm", data))[1], frames)
    del data.PixelData
    with pytest.raises(InputFileError, match="only an icon"):
        open_run(save(tmp_path / "only.dcm", data))


def test_relationships(tmp_path):
    frames = noise_frames(bits=12)
    exposure = torch.as_tensor(frames / 4095)

    def attenuation(**fields):
        return open_run(save(tmp_path / "run.dcm", run_dataset(frames, bits=12, **fields))).attenuation()

    linear = -exposure.log().float()
    assert torch.allclose(attenuation(), linear, atol=1e-5)
    assert torch.allclose(attenuation(relationship="DISP"), linear, atol=1e-5)
    inverted = -(1 - exposure).clamp_min(0.5 / 4095).log().float()
    assert torch.allclose(attenuation(photometric="MONOCHROME1"), inverted, atol=1e-5)
    assert torch.allclose(attenuation(photometric="MONOCHROME1", PixelIntensityRelationshipSign=1), linear, atol=1e-5)
    assert torch.allclose(attenuation(PixelIntensityRelationshipSign=-1), inverted, atol=1e-5)
    assert torch.allclose(attenuation(relationship="LOG"), (5 * (1 - exposure)).float(), atol=1e-5)  # not logged again
    assert open_run(tmp_path / "run.dcm").table.notices[-1].startswith("logarithmic frames without")


@pytest.mark.parametrize("relationship", list(Relationship))
def test_a_simulated_run_gives_its_attenuation_back(tmp_path, relationship):
    display = DisplaySettings(relationship, bits=8 if relationship is Relationship.DISPLAY else 12)
    run = simulate_to_folder(tmp_path, RunSettings(frames=3, size=64, display=display), 3)
    read = open_run(tmp_path / "run.dcm", "run-001")
    error = read.attenuation() - run.attenuation
    error -= error.median()
    assert error.abs().quantile(0.99) < (0.02 if relationship is Relationship.DISPLAY else 0.002)
    assert read.rate == pytest.approx(15, rel=1e-3)
    assert read.spacing is not None


def test_times(tmp_path):
    frames = noise_frames()

    def seconds(**fields):
        return open_run(save(tmp_path / "run.dcm", run_dataset(frames, **fields)))

    assert seconds(FrameTimeVector=[0, 40, 60, 100]).seconds.tolist() == pytest.approx([0, 0.04, 0.1, 0.2])
    assert seconds(FrameTime="66.7").rate == pytest.approx(1 / 0.0667)
    assert seconds(CineRate="15").rate == pytest.approx(15)
    wrong = seconds(FrameTimeVector=[0, 40], CineRate="15")
    assert wrong.rate == pytest.approx(15)
    assert "vector of frame times" in wrong.notices[0]
    nothing = seconds()
    assert nothing.seconds is None
    assert any("how fast" in notice for notice in nothing.notices)


def test_shutters(tmp_path):
    frames = noise_frames(rows=30, columns=40)
    circle = {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [15, 20], "RadiusOfCircularShutter": "10"}
    opened = open_run(save(tmp_path / "circle.dcm", run_dataset(frames, **circle))).opened
    assert opened[14, 19]
    assert not opened[0, 0]
    assert float(opened.sum()) == pytest.approx(np.pi * 100, rel=0.05)
    edges = {"CollimatorLeftVerticalEdge": "5", "CollimatorRightVerticalEdge": "36"}
    opened = open_run(save(tmp_path / "edges.dcm", run_dataset(frames, CollimatorShape="RECTANGULAR", **edges))).opened
    assert opened.any(0).nonzero().squeeze(1).tolist() == list(range(5, 35))
    nonsense = {"ShutterLeftVerticalEdge": "50", "VerticesOfThePolygonalShutter": ["1", "2", "3"]}
    assert open_run(save(tmp_path / "bad.dcm", run_dataset(frames, ShutterShape="RECTANGULAR", **nonsense))).opened.all()


def test_pictures_and_declared_relationship(tmp_path):
    frames = noise_frames(bits=16).astype(np.uint16)
    tifffile.imwrite(tmp_path / "run.tif", frames, photometric="minisblack", metadata=None)
    run = open_run(tmp_path / "run.tif")
    assert "approximation" in run.notices[0]
    assert torch.allclose(run.attenuation(), -torch.as_tensor(frames / 65535).log().float(), atol=1e-5)
    assert not open_run(tmp_path / "run.tif", relationship=Relationship.LINEAR).notices


def test_bad_files_end_in_one_sentence_without_a_quotation(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    whole = save(tmp_path / "JANE.dcm", plant(run_dataset(noise_frames(rows=64, columns=64), Rows=64)))
    content, bad = whole.read_bytes(), {}
    rle = save(tmp_path / "rle.dcm", plant(run_dataset(noise_frames(rows=64, columns=64), syntax=RLELossless))).read_bytes()
    bad["cut native"], bad["cut encapsulated"] = content[:-3000], rle[:-5000]
    bad["cut header"] = content[:700]
    bad["flipped"] = rle[:-9000] + bytes(255 - byte for byte in rle[-9000:])
    bad["text"] = b"Dear JANE"
    bad["empty"] = b""
    bad["only mark"] = b"\0" * 128 + b"DICM"
    for kind, bytes_ in bad.items():
        (tmp_path / "JANE_DOE.dcm").write_bytes(bytes_)
        with pytest.raises(InputFileError) as caught:
            open_run(tmp_path / "JANE_DOE.dcm", "run-001").attenuation()
        text = str(caught.value) + caplog.text
        assert text.startswith("run-001 "), kind
        assert not any(secret in text for secret in (SECRET, SECRET_DATE, SECRET_UID, "JANE")), kind
        assert caught.value.__suppress_context__ or caught.value.__context__ is None, kind


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"Rows": 30000}, "no X-ray system makes"),
        ({"NumberOfFrames": 10**8}, "no X-ray system makes"),
        ({"NumberOfFrames": 9}, "cut off"),
        ({"BitsAllocated": 32}, "kind that is not read"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "kind that is not read"),
        ({"PixelData": encapsulate([b"video"])}, "no decoder"),
    ],
)
def test_impossible_headers(tmp_path, fields, sentence):
    data = run_dataset(noise_frames())
    for key, value in fields.items():
        setattr(data, key, value)
    if "PixelData" in fields:
        data.file_meta.TransferSyntaxUID = MPEG4HP41
        data["PixelData"].is_undefined_length = True
    with pytest.raises(InputFileError, match=sentence):
        open_run(save(tmp_path / "run.dcm", data)).attenuation()


def test_videos_and_missing_files(tmp_path):
    (tmp_path / "run.mp4").write_bytes(b"video")
    with pytest.raises(InputFileError, match="no video that can be read to its end"):
        open_run(tmp_path / "run.mp4")
    with pytest.raises(InputFileError, match="run-002 does not exist"):
        open_run(tmp_path / "JANE.dcm", "run-002")


@pytest.mark.data
@pytest.mark.parametrize("encoding", ["J2KR", "JPLL", "RLE"])
def test_real_encodings(shared_data, encoding):
    path = shared_data / "angiography" / "dicom" / f"NEMA_XA1_{encoding}.dcm"
    header, read = stored(path)
    assert (header.rows, header.bits) == (1024, 10)
    assert int(read.astype(np.int64).sum()) == 112478027
    assert open_run(path).attenuation().isfinite().all()


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_derived_frames_are_valid_and_name_nobody(tmp_path, kind):
    frames = noise_frames(rows=16, columns=18).astype(kind)
    settings = DerivedSettings("Vessels", "a test", "1", np.array([0.0, 0.1, 0.3, 0.4]), 0.1, 0.0, (200.0, 400.0), 10.0)
    write_derived(tmp_path / "derived.dcm", frames, settings)
    header, read = stored(tmp_path / "derived.dcm")
    assert np.array_equal(read, frames)
    assert header.seconds.tolist() == pytest.approx([0, 0.1, 0.3, 0.4])
    assert header.lossy
    checker = shutil.which("dciodvfy")
    if checker:
        said = subprocess.run([checker, tmp_path / "derived.dcm"], capture_output=True, text=True, check=False)  # noqa: S603
        assert "Error" not in said.stderr + said.stdout, said.stderr
