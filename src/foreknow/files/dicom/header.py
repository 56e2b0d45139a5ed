"""What the header of a DICOM file says of its frames; nothing of the person is read into it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset

from foreknow.errors import InputFileError
from foreknow.files.dicom.quiet import without_quotes

_PREFIX_AT = 128
_LARGEST_SIDE, _MOST_FRAMES = 8192, 20_000
_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_LONGEST_STEP = 60_000.0  # ms between frames; beyond it a frame time is taken for a mistake


@dataclass(frozen=True)
class DicomFrames:
    """How the frames of a file are stored, and what their values mean.

    Attributes:
        frames: how many.
        rows: of a frame, pixels.
        columns: likewise.
        bits: stored per value.
        signed: whether values are two's complement.
        inverted: whether low values are shown bright (MONOCHROME1).
        colours: whether a pixel has three samples.
        relationship: Pixel Intensity Relationship (0028,1040): ``LIN``, ``LOG``, ``DISP`` or empty.
        sign: Pixel Intensity Relationship Sign (0028,1041): 1 if values rise with exposure, -1 if they fall, 0 if it does not say.
        rescale: slope and intercept of the modality, or None.
        table: modality look-up table, or None: its values, float64, and
        table_start: the stored value that its first entry stands for.
        seconds: (frames,) times of the frames since the first, float64; None if the file does not say.
        spacing: millimetres of a pixel at the detector, down and right; None if the file does not say.
        lossy: whether the values once were compressed with loss.
        lossy_ratio: compression ratio of that, 0 if unknown.
        subtracted: whether the frames are differences already.
        shutter: copies of the fields of shutter and collimator, for `open_area`.
        notices: sentences on what was odd.
    """

    frames: int
    rows: int
    columns: int
    bits: int
    signed: bool
    inverted: bool
    colours: bool
    relationship: str
    sign: int
    rescale: tuple[float, float] | None
    table: NDArray[np.float64] | None = field(repr=False)
    table_start: int
    seconds: NDArray[np.float64] | None = field(repr=False)
    spacing: tuple[float, float] | None
    lossy: bool
    lossy_ratio: float
    subtracted: bool
    shutter: Dataset = field(repr=False)
    notices: tuple[str, ...]


def looks_like_dicom(path: Path) -> bool:
    """Whether the file has the mark of DICOM files (``DICM`` after 128 bytes)."""
    try:
        with path.open("rb") as file:
            return file.read(_PREFIX_AT + 4)[_PREFIX_AT:] == b"DICM"
    except OSError:
        return False


def read_header(path: Path, name: str) -> DicomFrames:
    """Read the header of a file with grey frames.

    Args:
        path: the file.
        name: what sentences call it; the path itself may name a person.

    Raises:
        InputFileError: if it is no DICOM file, is damaged, or has no frames that can be read.
    """
    with without_quotes():
        try:
            data = dcmread(path, stop_before_pixels=True, defer_size=2**16)
            has_pixels = _has_pixels(path)
        except OSError as error:
            message = f"{name} cannot be opened ({error.strerror}); check its permissions"
            raise InputFileError(message) from None
        except Exception:  # noqa: BLE001  (pydicom raises whatever the damage leads to, and quotes fields in it)
            message = f"{name} is no DICOM file that can be read, or its header is damaged; export it again"
            raise InputFileError(message) from None
        return _described(data, name, has_pixels=has_pixels)


def _has_pixels(path: Path) -> bool:
    """Whether there are pixel data at the top level (those of an icon lie in a sequence)."""
    data = dcmread(path, specific_tags=["PixelData"], defer_size=1024)
    return "PixelData" in data


def _described(data: Dataset, name: str, *, has_pixels: bool) -> DicomFrames:
    rows, columns, frames = (_integer(data, key) for key in ("Rows", "Columns", "NumberOfFrames"))
    if not has_pixels or not rows or not columns:
        only = "only an icon" if "IconImageSequence" in data else "none"
        message = f"{name} is a DICOM file without frames ({only}); export the run itself, not its report or preview"
        raise InputFileError(message)
    frames = 1 if frames is None else frames
    if not (1 <= frames <= _MOST_FRAMES and max(rows, columns) <= _LARGEST_SIDE):
        message = f"{name} claims {frames} frames of {columns} x {rows} pixels, which no X-ray system makes; export it again"
        raise InputFileError(message)
    allocated, bits = _integer(data, "BitsAllocated"), _integer(data, "BitsStored")
    photometric, samples = _word(data, "PhotometricInterpretation"), _integer(data, "SamplesPerPixel") or 1
    grey, colours = photometric in _GREY and samples == 1, photometric in _COLOURS and samples == 3
    if allocated not in {8, 16} or not (grey or colours):
        message = f"{name} has pixels of a kind that is not read here; export it as grey frames of 8 to 16 bits"
        raise InputFileError(message)
    bits = allocated if bits is None or not 1 <= bits <= allocated else bits
    seconds, remarks = _times(data, frames)
    table, start = _table(data)
    ratio = _numbers(data, "LossyImageCompressionRatio")
    return DicomFrames(
        frames=frames,
        rows=rows,
        columns=columns,
        bits=bits,
        signed=_integer(data, "PixelRepresentation") == 1 and grey,
        inverted=photometric == "MONOCHROME1",
        colours=colours,
        relationship=_word(data, "PixelIntensityRelationship"),
        sign=_integer(data, "PixelIntensityRelationshipSign") or 0,
        rescale=_rescale(data),
        table=table,
        table_start=start,
        seconds=seconds,
        spacing=_spacing(data),
        lossy=_word(data, "LossyImageCompression") == "01",
        lossy_ratio=ratio[-1] if ratio else 0.0,
        subtracted="SUBTRACTION" in _words(data, "ImageType"),
        shutter=_shutter_fields(data),
        notices=tuple(remarks),
    )


def _times(data: Dataset, frames: int) -> tuple[NDArray[np.float64] | None, list[str]]:
    """Times of the frames in seconds: from the vector of steps, the frame time, or a rate."""
    steps = _numbers(data, "FrameTimeVector")
    if len(steps) == frames and all(0 <= step <= _LONGEST_STEP for step in steps) and (frames == 1 or sum(steps[1:]) > 0):
        return np.cumsum([0.0, *steps[1:]]) / 1000, []
    remarks = ["the vector of frame times does not fit the frames and was not used"] if steps else []
    for key, invert in (("FrameTime", False), ("CineRate", True), ("RecommendedDisplayFrameRate", True)):
        value = next(iter(_numbers(data, key)), 0.0)
        step = 1000 / value if invert and value > 0 else value
        if 0 < step <= _LONGEST_STEP:
            return np.arange(frames) * step / 1000, remarks
    if frames > 1:
        remarks.append("the file does not say how fast the frames follow each other; times are counted in frames")
    return None, remarks


def _table(data: Dataset) -> tuple[NDArray[np.float64] | None, int]:
    try:
        item = data.ModalityLUTSequence[0]
        count, start, bits = (int(value) for value in item.LUTDescriptor)
        count = count or 2**16
        content = item["LUTData"].value
        raw = np.frombuffer(content, "<u2" if len(content) >= 2 * count else "u1") if isinstance(content, bytes) else content
        values = np.asarray(raw, dtype=np.float64)[:count]
        start = start - 2**16 if start >= 2**15 and _integer(data, "PixelRepresentation") == 1 else start
        if len(values) == count > 1 and 1 <= bits <= 16:
            return values, start
    except Exception:  # noqa: BLE001, S110  (a table that cannot be read is no table)
        pass
    return None, 0


def _rescale(data: Dataset) -> tuple[float, float] | None:
    slope, intercept = _numbers(data, "RescaleSlope"), _numbers(data, "RescaleIntercept")
    return (slope[0], intercept[0] if intercept else 0.0) if slope and slope[0] else None


def _spacing(data: Dataset) -> tuple[float, float] | None:
    values = _numbers(data, "ImagerPixelSpacing") or _numbers(data, "PixelSpacing")
    return (values[0], values[1]) if len(values) == 2 and min(values) > 0 else None


def _shutter_fields(data: Dataset) -> Dataset:
    kept = Dataset()
    for element in data:
        if element.keyword.startswith(("Shutter", "Collimator", "CenterOf", "RadiusOf", "VerticesOf")):
            kept.add(element)
    return kept


def _value(data: Dataset, key: str) -> Any:  # noqa: ANN401  (a field holds anything)
    try:
        return data[key].value if key in data else None
    except Exception:  # noqa: BLE001  (a field that cannot be read says nothing)
        return None


def _integer(data: Dataset, key: str) -> int | None:
    try:
        return int(_value(data, key))
    except (TypeError, ValueError, OverflowError):
        return None


def _numbers(data: Dataset, key: str) -> list[float]:
    value = _value(data, key)
    try:
        numbers = [float(one) for one in (value if hasattr(value, "__iter__") and not isinstance(value, str) else [value])]
    except (TypeError, ValueError):
        return []
    return numbers if np.isfinite(numbers).all() else []


def _words(data: Dataset, key: str) -> list[str]:
    value = _value(data, key)
    many = [] if value is None else [value] if isinstance(value, str) else list(value) if hasattr(value, "__iter__") else []
    return [str(word).strip().upper() for word in many]


def _word(data: Dataset, key: str) -> str:
    return next(iter(_words(data, key)), "")
