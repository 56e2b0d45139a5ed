"""Multi-frame grey DICOM: what the header says of frames, their values block by block, shutters, derived files without identity."""

from foreknow.files.dicom.derived import DerivedSettings, write_derived
from foreknow.files.dicom.header import DicomFrames, looks_like_dicom, read_header
from foreknow.files.dicom.pixels import stored_blocks
from foreknow.files.dicom.shutter import open_area

__all__ = ["DerivedSettings", "DicomFrames", "looks_like_dicom", "open_area", "read_header", "stored_blocks", "write_derived"]
