"""Writing sound: a whole signal at once or block by block, atomically."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from torch import Tensor

from foreknow.errors import DataError, ParameterError
from foreknow.files.atomic import atomic_path
from foreknow.files.names import display_name
from foreknow.files.wav import Encoding, as_frames, wav_header


class AudioWriter:
    """A WAV file that is written block by block and takes its name only when it is complete.

    Use as a context manager; if the block raises, nothing appears under ``path`` and a file that was there stays::

        with AudioWriter("crackles.wav", rate=4000) as writer:
            for block in blocks:
                writer.write(block)

    Args:
        path: name of the WAV file.
        rate: sampling rate, hertz.
        channels: how many.
        encoding: how a sample is stored; `Encoding.FLOAT_32` takes any value.
        clip: whether values beyond full scale are clipped to it; if not, they are an error.

    Attributes:
        frames: samples written so far, per channel.
        clipped: how many values were clipped so far.

    Raises:
        ParameterError: if the rate or number of channels is not possible in a WAV file.
    """

    def __init__(
        self, path: str | Path, rate: int, channels: int = 1, encoding: Encoding = Encoding.PCM_16, *, clip: bool = False
    ) -> None:
        if not (0 < rate < 2**32 and 0 < channels < 2**16):
            message = f"a WAV file cannot have a rate of {rate} Hz with {channels} channels"
            raise ParameterError(message)
        self.path = Path(path)
        self.rate = rate
        self.channels = channels
        self.encoding = encoding
        self.clip = clip
        self.frames = 0
        self.clipped = 0
        self._stack: ExitStack | None = None
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        stack = ExitStack()
        temporary = stack.enter_context(atomic_path(self.path))
        self._file = stack.enter_context(temporary.open("wb"))
        self._file.write(wav_header(self.rate, self.channels, 0, self.encoding))
        self._stack = stack
        return self

    def write(self, samples: Tensor) -> None:
        """Append samples, (samples,) for one channel or (channels, samples).

        Raises:
            DataError: if the shape does not fit, a sample is NaN or infinite, or beyond full scale (unless ``clip``).
        """
        if self._file is None:
            message = f"{display_name(self.path)} is not open for writing; use `with AudioWriter(...) as writer:`"
            raise DataError(message)
        frames = as_frames(samples)
        if frames.shape[1] != self.channels:
            message = f"{display_name(self.path)} is written with {self.channels} channels, but a block has {frames.shape[1]}"
            raise DataError(message)
        content, clipped = self.encoding.pack(frames)
        if clipped and not self.clip:
            message = (
                f"{clipped} samples for {display_name(self.path)} are beyond full scale (the largest is {abs(frames).max():.3g}); "
                "write 32 bit floats, make the signal softer, or allow clipping"
            )
            raise DataError(message)
        wav_header(self.rate, self.channels, self.frames + frames.shape[0], self.encoding)  # raises beyond 4 GiB
        self._file.write(content)
        self.frames += frames.shape[0]
        self.clipped += clipped

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        if self._stack is None or self._file is None:
            return None
        file, stack = self._file, self._stack
        self._file = self._stack = None
        if kind is not None:
            return stack.__exit__(kind, error, traceback)
        with stack:
            if self.frames * self.channels * self.encoding.bits // 8 % 2:
                file.write(b"\0")
            file.seek(0)
            file.write(wav_header(self.rate, self.channels, self.frames, self.encoding))
        return None


def write_audio(path: str | Path, samples: Tensor, rate: int, encoding: Encoding = Encoding.PCM_16, *, clip: bool = False) -> int:
    """Write a WAV file atomically.

    Args:
        path: its name; folders are made.
        samples: (samples,) or (channels, samples), real, full scale is 1.
        rate: hertz.
        encoding: how a sample is stored.
        clip: whether values beyond full scale are clipped instead of being an error.

    Returns:
        How many values were clipped.

    Raises:
        DataError: if a sample is NaN or infinite, or beyond full scale (unless ``clip``), or the shape is wrong.
        ParameterError: if the rate is not possible.
    """
    channels = 1 if samples.ndim == 1 else samples.shape[0]
    with AudioWriter(path, rate, channels, encoding, clip=clip) as writer:
        writer.write(samples)
    return writer.clipped
