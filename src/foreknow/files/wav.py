"""The WAV format as we write it: 16, 24 and 32 bit integers and 32 bit floats, byte for byte reproducible, no metadata."""

import struct
from enum import Enum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foreknow.errors import DataError

_HEADER_BYTES = 58  # the longer of the two headers
_LARGEST = 2**32 - 1 - _HEADER_BYTES


class Encoding(Enum):
    """How a sample is stored in a WAV file; integers map to [-1, 1) as readers do: value = integer / 2^(bits - 1)."""

    PCM_16 = "pcm16"
    PCM_24 = "pcm24"
    PCM_32 = "pcm32"
    FLOAT_32 = "float32"

    @property
    def bits(self) -> int:
        """Bits per sample."""
        return {"pcm16": 16, "pcm24": 24, "pcm32": 32, "float32": 32}[self.value]

    @property
    def is_integer(self) -> bool:
        """Whether values outside [-1, 1] cannot be stored."""
        return self is not Encoding.FLOAT_32

    def quantise(self, samples: Tensor) -> Tensor:
        """The values that a reader will get back, same shape and dtype, values beyond full scale clipped.

        An input read from a 16 bit file lies on this grid. If one part of it is quantised and the other is the difference, both
        are on the grid and their files sum to the input exactly:  ``a = PCM_16.quantise(a); b = y - a``.
        """
        if not self.is_integer:
            return samples.to(torch.float32).to(samples.dtype)
        scale = 2.0 ** (self.bits - 1)
        return (samples.to(torch.float64) * scale).round().clamp(-scale, scale - 1).div(scale).to(samples.dtype)

    def pack(self, samples: NDArray[np.float64]) -> tuple[bytes, int]:
        """The bytes of the samples, any shape in C order, and how many were clipped (full scale +1.0 is not counted).

        Raises:
            DataError: if a sample is NaN or infinite.
        """
        if not np.isfinite(samples).all():
            message = "a WAV file cannot hold samples that are NaN or infinite; look for the computation that made them"
            raise DataError(message)
        if not self.is_integer:
            return samples.astype("<f4").tobytes(), 0
        scale = 2.0 ** (self.bits - 1)
        integers = np.rint(samples * scale)
        clipped = int(np.count_nonzero((integers > scale) | (integers < -scale)))
        integers = np.clip(integers, -scale, scale - 1)
        if self is Encoding.PCM_16:
            return integers.astype("<i2").tobytes(), clipped
        if self is Encoding.PCM_32:
            return integers.astype("<i4").tobytes(), clipped
        return integers.astype("<i4").reshape(-1, 1).view(np.uint8)[:, :3].tobytes(), clipped


def wav_header(rate: int, channels: int, frames: int, encoding: Encoding) -> bytes:
    """The bytes before the samples of a WAV file.

    Raises:
        DataError: if the file would pass the 4 GiB that the format allows.
    """
    frame_bytes = channels * encoding.bits // 8
    size = frames * frame_bytes
    if size > _LARGEST:
        message = f"a WAV file holds at most 4 GiB, and {frames} samples of {channels} channels need more; split the recording"
        raise DataError(message)
    kind = 1 if encoding.is_integer else 3
    fields = struct.pack("<HHIIHH", kind, channels, rate, rate * frame_bytes, frame_bytes, encoding.bits)
    if encoding.is_integer:
        chunks = struct.pack("<4sI", b"fmt ", 16) + fields
    else:
        chunks = struct.pack("<4sI", b"fmt ", 18) + fields + struct.pack("<H", 0) + struct.pack("<4sII", b"fact", 4, frames)
    padding = size % 2
    riff_size = 4 + len(chunks) + 8 + size + padding
    return struct.pack("<4sI4s", b"RIFF", riff_size, b"WAVE") + chunks + struct.pack("<4sI", b"data", size)


def encode_wav(samples: Tensor, rate: int, encoding: Encoding = Encoding.PCM_16) -> bytes:
    """A whole WAV file as bytes; values beyond full scale are clipped.

    Args:
        samples: (samples,) or (channels, samples), real.
        rate: hertz.
        encoding: how a sample is stored.

    Raises:
        DataError: if a sample is NaN or infinite, or the file would be too large.
    """
    frames = as_frames(samples)
    content, _ = encoding.pack(frames)
    return wav_header(rate, frames.shape[1], frames.shape[0], encoding) + content + b"\0" * (len(content) % 2)


def as_frames(samples: Tensor) -> NDArray[np.float64]:
    """(samples,) or (channels, samples) -> float64 frames (samples, channels), the order in which a file holds them.

    Raises:
        DataError: if there is another number of axes.
    """
    if samples.ndim not in (1, 2):
        message = f"sound has shape (samples,) or (channels, samples), not {tuple(samples.shape)}"
        raise DataError(message)
    array: NDArray[np.float64] = samples.detach().cpu().to(torch.float64).numpy()
    return array.reshape(-1, 1) if array.ndim == 1 else np.ascontiguousarray(array.T)
