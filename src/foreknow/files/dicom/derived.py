"""Derived frames as a multi-frame Secondary Capture that names nobody: it is written new, no field is copied from the source."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import (
    ExplicitVRLittleEndian,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    generate_uid,
)

_NOBODY = "ANONYMOUS^"
_LONGEST_SHORT_TEXT = 1024


@dataclass(frozen=True)
class DerivedSettings:
    """What is said of derived frames.

    Attributes:
        series: Series Description, 64 characters.
        derivation: Derivation Description: program, version, model and settings.
        version: of the program.
        seconds: (frames,) times of the frames, or None.
        slope: of a stored value of 16 bits, in the unit of the values shown, and
        intercept: the value that 0 stands for (8 bits: always 1 and 0).
        window: centre and width, in that unit, one for all frames; the width at least 1.
        lossy: ratio of lossy compression that the source had; 0 for none, 1 if the ratio is unknown.
        number: Series Number.
    """

    series: str
    derivation: str
    version: str
    seconds: NDArray[np.float64] | None = None
    slope: float = 1.0
    intercept: float = 0.0
    window: tuple[float, float] | None = None
    lossy: float = 0.0
    number: int = 1


def write_derived(
    path: str | Path, frames: NDArray[np.uint8] | NDArray[np.uint16], settings: DerivedSettings, study: str = ""
) -> None:
    """Write frames with new identifiers; patient, dates, places and people stay empty.

    Args:
        path: of the file.
        frames: (frames, rows, columns).
        settings: what is said of them.
        study: Study Instance UID that several derived files share; a new one if empty.
    """
    wide = frames.dtype.itemsize == 2
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = (
        MultiFrameGrayscaleWordSecondaryCaptureImageStorage if wide else MultiFrameGrayscaleByteSecondaryCaptureImageStorage
    )
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    _identity(data, meta, settings, study or generate_uid())
    _description(data, settings)
    _timing(data, settings.seconds, len(frames))
    _pixels(data, frames, settings)
    data.save_as(path, enforce_file_format=True)


def _identity(data: FileDataset, meta: FileMetaDataset, settings: DerivedSettings, study: str) -> None:
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID, data.SeriesInstanceUID = study, generate_uid()
    data.PatientName, data.PatientID = _NOBODY, _NOBODY.strip("^")
    data.PatientBirthDate = data.PatientSex = data.PatientOrientation = data.Laterality = ""
    data.PatientIdentityRemoved = "YES"
    data.DeidentificationMethod = "No field of the source is copied"
    data.StudyDate = data.StudyTime = data.StudyID = data.AccessionNumber = data.ReferringPhysicianName = ""
    data.SeriesNumber, data.InstanceNumber = settings.number, 1


def _description(data: FileDataset, settings: DerivedSettings) -> None:
    data.Modality = "XA"
    data.ConversionType = "WSD"
    data.ImageType = ["DERIVED", "SECONDARY"]
    data.Manufacturer = "foreknow"
    data.SoftwareVersions = settings.version
    data.SeriesDescription = settings.series[:64]
    data.DerivationDescription = settings.derivation[:_LONGEST_SHORT_TEXT]
    data.ImageComments = "Not for diagnosis"
    data.BurnedInAnnotation = "NO"
    data.LossyImageCompression = "01" if settings.lossy else "00"
    if settings.lossy:
        data.LossyImageCompressionRatio = f"{settings.lossy:.6g}"
        data.LossyImageCompressionMethod = "ISO_10918_1"


def _timing(data: FileDataset, seconds: NDArray[np.float64] | None, frames: int) -> None:
    data.NumberOfFrames = frames
    steps = np.zeros(frames) if seconds is None else np.diff(seconds, prepend=seconds[0]) * 1000
    if frames > 1 and seconds is not None and np.ptp(steps[1:]) > 1e-3:
        data.FrameTimeVector = [f"{step:.4f}" for step in steps]
        data.FrameIncrementPointer = Tag("FrameTimeVector")
        return
    step = float(steps[1]) if frames > 1 and steps[1] > 0 else 1000 / 15
    data.FrameTime = f"{step:.4f}"
    data.FrameIncrementPointer = Tag("FrameTime")


def _pixels(data: FileDataset, frames: NDArray[np.uint8] | NDArray[np.uint16], settings: DerivedSettings) -> None:
    bits = 8 * frames.dtype.itemsize
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    _, data.Rows, data.Columns = frames.shape
    data.BitsAllocated = data.BitsStored = bits
    data.HighBit, data.PixelRepresentation = bits - 1, 0
    data.PresentationLUTShape = "IDENTITY"
    slope, intercept = (settings.slope, settings.intercept) if bits == 16 else (1.0, 0.0)
    data.RescaleSlope, data.RescaleIntercept, data.RescaleType = f"{slope:.10g}", f"{intercept:.10g}", "US"
    if settings.window is not None:
        data.WindowCenter, data.WindowWidth = (f"{value:.8g}" for value in settings.window)
    raw = np.ascontiguousarray(frames, dtype="<u2" if bits == 16 else "u1").tobytes()
    data.PixelData = raw + b"\0" * (len(raw) % 2)
    data["PixelData"].VR = "OW" if bits == 16 else "OB"
