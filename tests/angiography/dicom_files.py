"""DICOM runs for tests: any encoding, and a secret in every field that may hold text."""

import numpy as np
from pydicom import config
from pydicom.datadict import DicomDictionary
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
    XRayAngiographicImageStorage,
    generate_uid,
)

SECRET = "CANARY"  # noqa: S105
SECRET_DATE, SECRET_UID = "19340517", "1.2.3.4.5.99887766"
_TEXTS = {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT", "UR"}


def run_dataset(frames, *, bits=8, photometric="MONOCHROME2", relationship="LIN", syntax=ExplicitVRLittleEndian, **fields):
    """A run (frames, rows, columns) of unsigned values as a data set that can be saved."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = XRayAngiographicImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    data.Modality = "XA"
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, photometric
    data.NumberOfFrames, data.Rows, data.Columns = frames.shape
    data.BitsAllocated = 8 if bits == 8 else 16
    data.BitsStored, data.HighBit, data.PixelRepresentation = bits, bits - 1, 0
    if relationship:
        data.PixelIntensityRelationship = relationship
    words = frames.astype("<u1" if bits == 8 else "<u2")
    data.PixelData = words.tobytes() + b"\0" * (words.nbytes % 2)
    data["PixelData"].VR = "OB" if bits == 8 else "OW"
    for key, value in fields.items():
        setattr(data, key, value)
    if syntax in {RLELossless, JPEG2000Lossless}:
        data.compress(syntax, generate_instance_uid=False)
    else:
        meta.TransferSyntaxUID = syntax
    return data


def save(path, data):
    implicit = data.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    data.save_as(path, enforce_file_format=True, implicit_vr=implicit, little_endian=True)
    return path


def plant(data):
    """Put the secret into every standard field of text, date or identity that the run does not have, and into private ones."""
    config.settings.writing_validation_mode = config.IGNORE
    keep = {Tag(key) for key in ("TransferSyntaxUID", "SOPClassUID", "SpecificCharacterSet", "ShutterShape", "CollimatorShape")}
    for number, (kinds, multiplicity, _, retired, _) in DicomDictionary.items():
        tag, kind = Tag(number), kinds.split()[0]
        if tag in data or tag in keep or retired or tag.group in {0x0000, 0x0002, 0x7FE0} or tag.group >= 0x5000:
            continue
        value = SECRET if kind in _TEXTS else SECRET_DATE if kind == "DA" else SECRET_UID if kind == "UI" else None
        if value is not None and multiplicity.startswith("1"):
            data.add(DataElement(tag, kind, value, validation_mode=config.IGNORE))
    for key in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        data[key].value = f"{SECRET_UID}.{key.__len__()}"
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.file_meta.ImplementationVersionName = SECRET
    block = data.private_block(0x0029, SECRET, create=True)
    block.add_new(0x10, "LO", SECRET)
    inner = Dataset()
    inner.PatientName = SECRET
    data.ReferencedPatientSequence = Sequence([inner])
    data.preamble = SECRET.encode().ljust(128, b"\0")
    return data


def noise_frames(count=4, rows=40, columns=48, bits=8, seed=0):
    return np.random.default_rng(seed).integers(1, 2**bits, (count, rows, columns))


__all__ = ["SECRET", "SECRET_DATE", "SECRET_UID", "noise_frames", "plant", "run_dataset", "save"]
