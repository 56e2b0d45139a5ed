"""Small slides as scanners write them, bytes and all: Aperio's TIFF, DICOM, Hamamatsu's NDPI, 3DHISTECH's MIRAX."""

import io
import struct
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

_EMPTY = 3  # photos that a MIRAX slide might have more to the right and below, but has not


def jpeg_of(pixels: np.ndarray, restart: int | None = None) -> bytes:
    """A JPEG with colours at full resolution, with a restart marker after every so many blocks."""
    file = io.BytesIO()
    options = {} if restart is None else {"restart_marker_blocks": restart}
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "JPEG", quality=95, subsampling=0, **options)
    return file.getvalue()


def write_ndpi(path: Path, pixels: np.ndarray, um: float) -> None:
    """Two levels, the second of a quarter of the size, and a macro image.

    A TIFF of 32 bits with offsets of 64: that of the first directory takes eight bytes, that of the next one too, after which come
    the upper halves of all values. A level is one JPEG, in which restart markers part stretches of blocks, equal ones in each row.
    """
    content = bytearray(b"II\x2a\x00" + bytes(8))
    place = 4  # of the offset of the next directory
    levels = ((pixels, 40.0, um), (pixels[::4, ::4], 10.0, 4 * um), (pixels[::16, ::12], -1.0, None))
    for image, lens, size in levels:
        blocks = image.shape[1] // 8
        jpeg = jpeg_of(image, max(n for n in range(1, 17) if blocks % n == 0) if lens > 0 else None)
        start = len(content)
        content += jpeg + bytes(len(jpeg) % 2)
        numbers = [
            (256, 4, [image.shape[1]]), (257, 4, [image.shape[0]]), (258, 3, [8, 8, 8]), (259, 3, [7]), (262, 3, [6]),
            (271, 2, b"Hamamatsu\0"), (272, 2, b"C13210\0"), (273, 4, [start]), (277, 3, [3]), (278, 4, [image.shape[0]]),
            (279, 4, [len(jpeg)]), (282, 5, [round(1e8 / size), 10_000] if size else [1, 1]),
            (283, 5, [round(1e8 / size), 10_000] if size else [1, 1]), (296, 3, [3]), (65420, 4, [1]), (65421, 11, [lens]),
            (65422, 9, [0]), (65423, 9, [0]), (65424, 9, [0]),
        ]  # fmt: skip
        if lens > 0:
            numbers.append((65426, 4, _stretches(jpeg)))
        entries = []
        for tag, kind, values in numbers:
            letter = {2: "s", 3: "H", 4: "I", 5: "I", 9: "i", 11: "f"}[kind]
            raw = values if kind == 2 else struct.pack(f"<{len(values)}{letter}", *values)
            count = len(values) // (2 if kind == 5 else 1)
            if len(raw) > 4:
                entries.append(struct.pack("<HHII", tag, kind, count, len(content)))
                content += raw + bytes(len(raw) % 2)
            else:
                entries.append(struct.pack("<HHI", tag, kind, count) + raw.ljust(4, b"\0"))
        struct.pack_into("<Q", content, place, len(content))
        content += struct.pack("<H", len(entries)) + b"".join(entries)
        place = len(content)
        content += bytes(8 + 4 * len(entries))
    path.write_bytes(content)


def _stretches(jpeg: bytes) -> list[int]:
    """Where the data begin, and where they go on after each restart marker."""
    scan = jpeg.index(b"\xff\xda") + 2
    data = np.frombuffer(jpeg, dtype=np.uint8)
    found = np.flatnonzero((data[:-1] == 0xFF) & (data[1:] >= 0xD0) & (data[1:] <= 0xD7))
    return [scan + int.from_bytes(jpeg[scan : scan + 2], "big"), *(found[found > scan] + 2).tolist()]


def write_mirax(path: Path, pixels: np.ndarray, um: float, tile: int = 128, overlap: int = 0) -> None:
    """Photos of one size in rows, with an overlap, in JPEG, and a level of half the size; a key file, an index and one of data.

    The camera sees beyond the pixels, where they are mirrored; places far from them have no photo.

    The index begins with the version and the name of the slide, then says where its two roots are: of the levels and of all else.
    """
    folder = path.with_suffix("")
    folder.mkdir(parents=True)
    path.write_bytes(jpeg_of(pixels[::8, ::8]))
    step, name = tile - overlap, "0123456789ABCDEF0123456789ABCDEF"
    down, across = (-(-(size - overlap) // step) for size in pixels.shape[:2])
    wide = across + _EMPTY
    beyond = [(count - 1) * step + tile - size for count, size in zip((down, across), pixels.shape[:2], strict=True)]
    whole = np.pad(pixels, ((0, beyond[0]), (0, beyond[1]), (0, 0)), mode="reflect")
    photos = {(y, x): whole[y * step : y * step + tile, x * step : x * step + tile] for y in range(down) for x in range(across)}
    nothing = np.full((tile, tile, 3), 255, dtype=np.uint8)
    halves = {
        (y, x): np.concatenate(
            [np.concatenate([photos.get((y + b, x + a), nothing)[::2, ::2] for a in (0, 1)], axis=1) for b in (0, 1)]
        )
        for y in range(0, down, 2)
        for x in range(0, across, 2)
    }
    data, records = bytearray(b"01.02" + name.encode()), []
    for images in (photos, halves):
        record = []
        for (y, x), image in images.items():
            jpeg = jpeg_of(image)
            record.append((y * wide + x, len(data), len(jpeg), 0))
            data += jpeg
        records.append(record)
    (folder / "Data0000.dat").write_bytes(data)
    index = bytearray(b"01.02" + name.encode() + bytes(8))
    root = len(index)
    struct.pack_into("<II", index, root - 8, root, 0)
    index += bytes(4 * len(records))
    for number, record in enumerate(records):
        struct.pack_into("<I", index, root + 4 * number, len(index))
        index += struct.pack("<II", 0, len(index) + 8)  # a page follows
        index += struct.pack("<II", len(record), 0) + b"".join(struct.pack("<4I", *one) for one in record)
    (folder / "Index.dat").write_bytes(index)
    levels = [
        f"[LAYER_0_LEVEL_{number}_SECTION]\nOVERLAP_X = {overlap / 2**number}\nOVERLAP_Y = {overlap / 2**number}\n"
        f"MICROMETER_PER_PIXEL_X = {um * 2**number}\nMICROMETER_PER_PIXEL_Y = {um * 2**number}\nIMAGE_FORMAT = JPEG\n"
        f"IMAGE_FILL_COLOR_BGR = 16777215\nDIGITIZER_WIDTH = {tile}\nDIGITIZER_HEIGHT = {tile}\nIMAGE_CONCAT_FACTOR = {number}\n"
        for number in (0, 1)
    ]
    told = (
        f"[GENERAL]\nSLIDE_VERSION = 01.02\nSLIDE_ID = {name}\nSLIDE_NAME = Secret^Person\nIMAGENUMBER_X = {wide}\n"
        f"IMAGENUMBER_Y = {down + _EMPTY}\nOBJECTIVE_MAGNIFICATION = 20\n"
        "CameraImageDivisionsPerSide = 1\n[HIERARCHICAL]\nHIER_COUNT = 1\n"
        "NONHIER_COUNT = 0\nINDEXFILE = Index.dat\nHIER_0_NAME = Slide zoom level\nHIER_0_COUNT = 2\n"
        "HIER_0_VAL_0_SECTION = LAYER_0_LEVEL_0_SECTION\nHIER_0_VAL_1_SECTION = LAYER_0_LEVEL_1_SECTION\n"
        "[DATAFILE]\nFILE_COUNT = 1\nFILE_0 = Data0000.dat\n"
    )
    (folder / "Slidedat.ini").write_bytes((told + "".join(levels)).replace("\n", "\r\n").encode())


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
            frames.append(jpeg_of(frame))
    slide.NumberOfFrames = len(frames)
    slide.PixelData = encapsulate(frames)
    slide["PixelData"].is_undefined_length = True
    slide.save_as(path, enforce_file_format=True)
