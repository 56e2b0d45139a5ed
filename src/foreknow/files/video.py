"""Videos as grey frames, read some at a time: AVI, MP4 and what else FFmpeg (by PyAV) decodes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foreknow.errors import ForeknowError, InputFileError

VIDEO_SUFFIXES = frozenset({".avi", ".mp4", ".m4v", ".mov", ".mkv", ".wmv", ".mpg", ".mpeg"})
_LARGEST_SIDE, _MOST_FRAMES = 8192, 20_000


@dataclass(frozen=True)
class VideoFrames:
    """A video whose frames have one size.

    Attributes:
        path: of the file.
        frames: how many.
        rows: of a frame, pixels.
        columns: likewise.
        seconds: (frames,) times from the first frame, float64; None if the file does not say.
    """

    path: Path = field(repr=False)
    frames: int
    rows: int
    columns: int
    seconds: NDArray[np.float64] | None = field(repr=False)

    def blocks(self, name: str, size: int = 8) -> Iterator[NDArray[np.uint8]]:
        """Grey values, (size or fewer, rows, columns).

        Raises:
            InputFileError: if the video is damaged or cut off.
        """
        frames = (picture.to_ndarray(format="gray") for picture in _pictures(self.path, name))
        while block := list(islice(frames, size)):
            yield np.stack(block)


def open_video(path: Path, name: str) -> VideoFrames:
    """Go through a video once, to count its frames.

    Args:
        path: of the file.
        name: what sentences call it; the path may name a person and is not shown.

    Raises:
        InputFileError: if it is damaged or cut off, has no picture, or frames of different sizes.
        ForeknowError: if PyAV is not installed.
    """
    times: list[float | None] = []
    sizes: set[tuple[int, int]] = set()
    for picture in _pictures(path, name):
        times.append(picture.time)
        sizes.add((picture.height, picture.width))
        if len(times) > _MOST_FRAMES or max(picture.height, picture.width) > _LARGEST_SIDE:
            message = (
                f"{name} is longer or larger than any X-ray run ({_MOST_FRAMES} frames, {_LARGEST_SIDE} pixels a side at most)"
            )
            raise InputFileError(message)
    if not times or len(sizes) > 1:
        what = "frames of different sizes" if times else "no picture that can be read"
        message = f"{name} has {what}; export the run again, best as multi-frame DICOM"
        raise InputFileError(message)
    (rows, columns) = sizes.pop()
    known = [time for time in times if time is not None]
    seconds = np.asarray(known) - known[0] if len(known) == len(times) else None
    if seconds is not None and len(seconds) > 1 and not bool((np.diff(seconds) > 0).all()):
        seconds = None
    return VideoFrames(path, len(times), rows, columns, seconds)


def _pictures(path: Path, name: str) -> Iterator[Any]:
    """Decoded pictures of the first video stream."""
    try:
        import av  # noqa: PLC0415
    except ImportError as error:
        message = (
            f"{name} is a video, which needs the library av; install it with: pip install 'foreknow[exchange]', "
            "or convert the video to frames first, for example: ffmpeg -i run.mp4 %04d.png"
        )
        raise ForeknowError(message) from error
    with _sentences(name, av.error.FFmpegError), av.open(str(path), options={"protocol_whitelist": "file"}) as container:
        if not container.streams.video:
            message = f"{name} has no picture, only sound or text; export the run again"
            raise InputFileError(message)
        yield from container.decode(container.streams.video[0])


@contextmanager
def _sentences(name: str, fault: type[Exception]) -> Iterator[None]:
    """What FFmpeg raises becomes a sentence; it does not name the file, which may be called after a person."""
    try:
        yield
    except InputFileError:
        raise
    except (fault, OSError, ValueError, RuntimeError):
        message = f"{name} is no video that can be read to its end; copy or export it again"
        raise InputFileError(message) from None
