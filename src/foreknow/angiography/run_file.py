"""A run as it lies on disk: DICOM, TIFF, PNG, a video or a folder of pictures; its attenuation comes in blocks of frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foreknow.angiography.attenuation import AttenuationTable, table_of_dicom, table_of_images
from foreknow.angiography.simulate.detector import Relationship
from foreknow.errors import InputFileError
from foreknow.files.dicom import DicomFrames, looks_like_dicom, open_area, read_header, stored_blocks
from foreknow.files.image_stack import IMAGE_SUFFIXES, ImageStack, open_image_stack
from foreknow.files.video import VIDEO_SUFFIXES, VideoFrames, open_video


@dataclass(frozen=True)
class RunFile:
    """A run that can be read again and again.

    Attributes:
        name: what it is called in results; not the name of its file.
        frames: how many.
        height: of a frame, pixels.
        width: likewise.
        seconds: (frames,) times, float64; None if they are not known.
        spacing: millimetres of a pixel at the detector, down and right; None if not known.
        opened: (height, width) bool, where no shutter or collimator is.
        table: from stored values to attenuation.
        kind: of file, for people, such as ``DICOM, 10 bits``.
        lossy: whether the frames had lossy compression, as a ratio; 0 for none, 1 for an unknown ratio.
        source: where the frames are.
    """

    name: str
    frames: int
    height: int
    width: int
    seconds: NDArray[np.float64] | None = field(repr=False)
    spacing: tuple[float, float] | None
    opened: Tensor = field(repr=False)
    table: AttenuationTable = field(repr=False)
    kind: str
    lossy: float
    source: tuple[Path, DicomFrames] | ImageStack | VideoFrames = field(repr=False)

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences on what was odd while reading."""
        return self.table.notices

    @property
    def rate(self) -> float | None:
        """Frames a second, by the median step; None if times are not known."""
        if self.seconds is None or self.frames < 2:
            return None
        step = float(np.median(np.diff(self.seconds)))
        return 1 / step if step > 0 else None

    def blocks(self, size: int = 8) -> Iterator[Tensor]:
        """Attenuation of ``size`` frames at a time, (size or fewer, height, width) float32.

        Raises:
            InputFileError: if the file is damaged or cut off.
        """
        if isinstance(self.source, ImageStack | VideoFrames):
            stored: Iterator[NDArray[Any]] = self.source.blocks(self.name, size)
        else:
            stored = iter(stored_blocks(*self.source, self.name, size))
        for block in stored:
            yield self.table(block)

    def attenuation(self) -> Tensor:
        """All frames, (frames, height, width) float32: 4 bytes a pixel, and no second copy.

        Raises:
            InputFileError: if the file is damaged or cut off.
        """
        whole, start = torch.empty(self.frames, self.height, self.width), 0
        for block in self.blocks():
            whole[start : start + len(block)] = block
            start += len(block)
        return whole


def open_run(path: str | Path, name: str = "the run", relationship: Relationship | None = None) -> RunFile:
    """Look at a run without reading its frames.

    Args:
        path: a DICOM file, a TIFF or PNG, a video, or a folder of pictures of one run.
        name: what sentences and results call it; the path may name a person and is not shown.
        relationship: how values follow from exposure, if the file does not say or is wrong.

    Raises:
        InputFileError: if it is missing, damaged, or of another kind.
    """
    place = Path(path)
    suffix = place.suffix.lower()
    if not place.exists():
        message = f"{name} does not exist; check the spelling and the folder"
        raise InputFileError(message)
    if place.is_file() and not place.stat().st_size:
        message = f"{name} is empty (0 bytes); copy or export it again"
        raise InputFileError(message)
    if place.is_file() and looks_like_dicom(place):
        return _open_dicom(place, name, relationship)
    if suffix in VIDEO_SUFFIXES:
        return _open_video(place, name, relationship)
    if place.is_dir() or suffix in IMAGE_SUFFIXES:
        return _open_images(place, name, relationship)
    message = f"{name} is neither DICOM nor pictures (PNG, TIFF) nor a video (AVI, MP4); export the run as multi-frame DICOM"
    raise InputFileError(message)


def _open_dicom(path: Path, name: str, relationship: Relationship | None) -> RunFile:
    header = read_header(path, name)
    spacing = header.spacing
    return RunFile(
        name=name,
        frames=header.frames,
        height=header.rows,
        width=header.columns,
        seconds=header.seconds,
        spacing=spacing,
        opened=torch.as_tensor(open_area(header)),
        table=table_of_dicom(header, relationship),
        kind=f"DICOM, {header.bits} bits",
        lossy=(header.lossy_ratio or 1.0) if header.lossy else 0.0,
        source=(path, header),
    )


def _open_images(path: Path, name: str, relationship: Relationship | None) -> RunFile:
    stack = open_image_stack(path, name)
    return RunFile(
        name=name,
        frames=stack.frames,
        height=stack.rows,
        width=stack.columns,
        seconds=None,
        spacing=None,
        opened=torch.ones(stack.rows, stack.columns, dtype=torch.bool),
        table=table_of_images(stack.bits, relationship),
        kind=f"pictures, {stack.bits} bits" if stack.bits else "pictures, floats",
        lossy=0.0,
        source=stack,
    )


def _open_video(path: Path, name: str, relationship: Relationship | None) -> RunFile:
    video = open_video(path, name)
    return RunFile(
        name=name,
        frames=video.frames,
        height=video.rows,
        width=video.columns,
        seconds=video.seconds,
        spacing=None,
        opened=torch.ones(video.rows, video.columns, dtype=torch.bool),
        table=table_of_images(8, relationship),
        kind="video, 8 bits",
        lossy=1.0,
        source=video,
    )
