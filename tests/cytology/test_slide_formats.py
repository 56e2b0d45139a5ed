"""Slides as scanners write them: Aperio's TIFF and DICOM are written here and read; NDPI and MRXS nothing here can write."""

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from foreknow.cytology.batch import DetectOptions, detect_file
from foreknow.cytology.settings import DetectSettings
from foreknow.cytology.simulate import SmearSettings, simulate_smear
from foreknow.cytology.slide_file import OpenSlideSlide, TiffSlide, at_working_size, is_slide, open_slide

openslide = pytest.importorskip("openslide")


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return simulate_smear(SmearSettings(height=512, width=640, cells=14), 2).image.numpy()


def write_aperio(path: Path, pixels: np.ndarray, um: float) -> None:
    """Baseline, thumbnail and one level of a quarter of the size, as ScanScope does."""
    options = {"photometric": "rgb", "compression": "jpeg", "metadata": None}
    told = f"Aperio Image Library v11.2.1 \r\n{pixels.shape[1]}x{pixels.shape[0]} (256x256) JPEG/RGB Q=90|AppMag = 40|MPP = {um}"
    with tifffile.TiffWriter(path) as writer:
        writer.write(pixels, tile=(256, 256), description=told, **options)
        writer.write(pixels[::8, ::8], description="Aperio Image Library v11.2.1 thumbnail", **options)
        writer.write(pixels[::4, ::4], tile=(256, 256), description=told + "|level", **options)


def write_dicom(path: Path, pixels: np.ndarray, um: float, tile: int = 128) -> None:
    """A whole slide of JPEG frames that fill it row by row (TILED_FULL)."""
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEGBaseline8Bit, VLWholeSlideMicroscopyImageStorage, generate_uid

    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = JPEGBaseline8Bit, VLWholeSlideMicroscopyImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    slide = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    slide.SOPClassUID, slide.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    slide.StudyInstanceUID, slide.SeriesInstanceUID, slide.FrameOfReferenceUID = (generate_uid() for _ in range(3))
    slide.Modality, slide.PatientName, slide.PatientID = "SM", "Secret^Person", "SECRET1"
    slide.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    slide.Rows = slide.Columns = tile
    slide.SamplesPerPixel, slide.PhotometricInterpretation, slide.PlanarConfiguration = 3, "YBR_FULL_422", 0
    slide.BitsAllocated = slide.BitsStored = 8
    slide.HighBit, slide.PixelRepresentation = 7, 0
    slide.TotalPixelMatrixRows, slide.TotalPixelMatrixColumns = pixels.shape[:2]
    slide.TotalPixelMatrixFocalPlanes = slide.NumberOfOpticalPaths = 1
    slide.ImagedVolumeHeight, slide.ImagedVolumeWidth, slide.ImagedVolumeDepth = *(um * n / 1000 for n in pixels.shape[:2]), 0.001
    slide.DimensionOrganizationType = "TILED_FULL"
    measures, shared, path_of_light = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [um / 1000, um / 1000], 0.001
    shared.PixelMeasuresSequence = [measures]
    path_of_light.OpticalPathIdentifier = "0"
    slide.SharedFunctionalGroupsSequence, slide.OpticalPathSequence = [shared], [path_of_light]
    slide.LossyImageCompression = "01"
    frames = []
    for top in range(0, pixels.shape[0], tile):
        for left in range(0, pixels.shape[1], tile):
            frame = np.full((tile, tile, 3), 255, dtype=np.uint8)
            part = pixels[top : top + tile, left : left + tile]
            frame[: part.shape[0], : part.shape[1]] = part
            file = io.BytesIO()
            Image.fromarray(frame).save(file, "JPEG", quality=95, subsampling=0)
            frames.append(file.getvalue())
    slide.NumberOfFrames = len(frames)
    slide.PixelData = encapsulate(frames)
    slide["PixelData"].is_undefined_length = True
    slide.save_as(path, enforce_file_format=True)


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
