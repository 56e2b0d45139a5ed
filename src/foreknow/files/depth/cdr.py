"""ROS 2 messages in their CDR encoding (OMG, Common Data Representation), as far as recordings of depth cameras need it."""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foreknow.errors import InputFileError
from foreknow.files.depth.images import read_depth_image

_PNG = b"\x89PNG\r\n\x1a\n"
_HEADER = 4  # bytes that name the encoding; numbers are aligned relative to what follows
_LONGEST_PREFIX = 64
_LARGEST_SIDE = 8192


@dataclass(slots=True)
class CdrReader:
    """Reads fields in order; numbers lie at multiples of their size.

    Attributes:
        data: the whole message.
        place: bytes read of what follows the header.
    """

    data: bytes
    place: int = 0

    def __post_init__(self) -> None:
        if len(self.data) < _HEADER or self.data[0] != 0 or self.data[1] not in (0, 1):
            message = "not a CDR message"
            raise ValueError(message)

    def number(self, kind: str) -> int | float:
        """One number; ``kind`` as in the module struct: ``i``, ``I``, ``B``, ``d``."""
        size = struct.calcsize(kind)
        self.place += -self.place % size
        order = "<" if self.data[1] else ">"
        (value,) = struct.unpack_from(order + kind, self.data, _HEADER + self.place)
        self.place += size
        return value

    def integer(self, kind: str = "I") -> int:
        """One integer."""
        return int(self.number(kind))

    def block(self) -> bytes:
        """A sequence of bytes with its length in front."""
        length = self.integer()
        start = _HEADER + self.place
        if length > len(self.data) - start:
            message = "a CDR sequence is longer than its message"
            raise ValueError(message)
        self.place += length
        return self.data[start : start + length]

    def text(self) -> str:
        """A string."""
        return self.block().rstrip(b"\0").decode("utf-8", errors="replace")


def read_string(message: bytes) -> str:
    """``std_msgs/String``.

    Raises:
        ValueError: if it is damaged.
        struct.error: if it ends early.
    """
    return CdrReader(message).text()


def read_image(message: bytes, kind: str, name: str) -> NDArray[np.generic]:
    """``sensor_msgs/CompressedImage`` with a PNG of 16 bits in it, or ``sensor_msgs/Image`` of 16 bits -> (height, width).

    Args:
        message: its bytes.
        kind: the type as the recording names it.
        name: for the sentence.

    Raises:
        InputFileError: if it is damaged or holds no depth.
    """
    try:
        return _compressed(message, name) if kind.endswith("CompressedImage") else _plain(message)
    except (ValueError, struct.error) as error:
        text = f"{name} is damaged or holds no 16-bit depth; export the recording again"
        raise InputFileError(text) from error


def _compressed(message: bytes, name: str) -> NDArray[np.generic]:
    reader = CdrReader(message)
    reader.integer(), reader.integer(), reader.text(), reader.text()  # time, frame, format
    content = reader.block()
    start = content.find(_PNG, 0, _LONGEST_PREFIX)  # 12 bytes of settings stand before it
    if start < 0:
        text = "no PNG image"
        raise ValueError(text)
    return read_depth_image(content[start:], name)


def _plain(message: bytes) -> NDArray[np.generic]:
    reader = CdrReader(message)
    reader.integer(), reader.integer(), reader.text()  # time, frame
    height, width = reader.integer(), reader.integer()
    encoding, big, step = reader.text(), reader.integer("B"), reader.integer()
    content = reader.block()
    fits = encoding in {"16UC1", "mono16"} and 0 < width <= _LARGEST_SIDE and 0 < height <= _LARGEST_SIDE
    if not fits or step < 2 * width or step % 2 or len(content) < step * height:
        text = f"an image of encoding {encoding}"
        raise ValueError(text)
    rows = np.frombuffer(content, dtype=">u2" if big else "<u2", count=step * height // 2).reshape(height, step // 2)
    return rows[:, :width].astype(np.uint16)
