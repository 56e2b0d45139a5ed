"""A simulated run as a multi-frame X-ray angiographic DICOM file."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, XRayAngiographicImageStorage, generate_uid

from foreknow.angiography.simulate import Relationship, SimulatedRun
from foreknow.angiography.simulate.detector import RANGE

NAME = "SIMULATED^RUN"
IDENTITY = "SIMULATED"


def write_run_dicom(path: str | Path, run: SimulatedRun, seed: int) -> None:
    """Write the frames of a run with its geometry and timing.

    The patient is called SIMULATED; there is no date, and the unique identifiers follow from settings and seed, so that equal runs
    are equal files.

    Args:
        path: of the file.
        run: what to write.
        seed: that it was drawn with.
    """
    settings, view = run.settings, run.view
    key = json.dumps(asdict(settings), sort_keys=True) + str(seed)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = XRayAngiographicImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[key, "instance"])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    _identity(data, key, meta)
    data.Modality = "XA"
    data.ImageType = ["ORIGINAL", "PRIMARY", "SINGLE PLANE"]
    data.SeriesDescription = f"Simulated {settings.artery} coronary artery, seed {seed}"
    data.ImageComments = "Drawn by foreknow angiography simulate; no patient"
    data.Manufacturer = "foreknow"
    data.BodyPartExamined = "HEART"
    data.KVP = "75"
    data.RadiationSetting = "GR"
    data.XRayTubeCurrent = "500"
    data.ExposureTime = "7"
    data.PositionerMotion = "STATIC"
    data.PositionerPrimaryAngle = f"{view.angles[0]:.2f}"
    data.PositionerSecondaryAngle = f"{view.angles[1]:.2f}"
    data.DistanceSourceToPatient = f"{settings.view.source_to_isocentre:.1f}"
    data.DistanceSourceToDetector = f"{settings.view.source_to_detector:.1f}"
    magnification = settings.view.source_to_detector / settings.view.source_to_isocentre
    data.EstimatedRadiographicMagnificationFactor = f"{magnification:.5f}"
    data.ImagerPixelSpacing = [f"{view.pixel * magnification:.6f}"] * 2
    _pixels(data, run)
    data.save_as(path, enforce_file_format=True)


def _identity(data: FileDataset, key: str, meta: FileMetaDataset) -> None:
    data.SOPClassUID = meta.MediaStorageSOPClassUID
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID = generate_uid(entropy_srcs=[key, "study"])
    data.SeriesInstanceUID = generate_uid(entropy_srcs=[key, "series"])
    data.PatientName = NAME
    data.PatientID = IDENTITY
    data.PatientBirthDate = data.PatientSex = data.PatientOrientation = ""
    data.StudyDate = data.StudyTime = data.AccessionNumber = data.ReferringPhysicianName = ""
    data.StudyID = IDENTITY
    data.SeriesNumber = data.InstanceNumber = 1
    data.SpecificCharacterSet = "ISO_IR 192"


def _pixels(data: FileDataset, run: SimulatedRun) -> None:
    settings, bits = run.settings, run.settings.display.bits
    words = run.frames.numpy().astype(np.uint8 if bits == 8 else np.dtype("<u2"))
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.Rows, data.Columns = words.shape[1:]
    data.NumberOfFrames = len(words)
    data.FrameTime = f"{1000 / settings.rate:.4f}"
    data.CineRate = data.RecommendedDisplayFrameRate = max(1, round(settings.rate))
    data.FrameIncrementPointer = Tag("FrameTime")
    data.BitsAllocated = 8 if bits == 8 else 16
    data.BitsStored, data.HighBit, data.PixelRepresentation = bits, bits - 1, 0
    data.PixelIntensityRelationship = settings.display.relationship.value
    if settings.display.relationship is Relationship.LOGARITHMIC:
        data.ModalityLUTSequence = [_linear_again(bits)]
    low, high = (float(value) for value in np.quantile(run.frames[::4].numpy().ravel(), (0.005, 0.995)))
    data.WindowCenter, data.WindowWidth = f"{(low + high) / 2:.1f}", f"{max(2.0, high - low):.1f}"
    data.BurnedInAnnotation = "NO"
    data.LossyImageCompression = "00"
    raw = words.tobytes()
    data.PixelData = raw + b"\0" * (len(raw) % 2)
    data["PixelData"].VR = "OB" if bits == 8 else "OW"


def _linear_again(bits: int) -> Dataset:
    """The look-up table that logarithmic XA frames must carry: stored values to exposure."""
    count = 2**bits
    table = Dataset()
    table.LUTDescriptor = [count % 65536, 0, 16]
    table.ModalityLUTType = "US"
    exposure = np.exp(RANGE * (np.arange(count) / (count - 1) - 1))
    table.LUTData = np.round(65535 * exposure).astype("<u2").tobytes()
    table["LUTData"].VR = "OW"
    return table
