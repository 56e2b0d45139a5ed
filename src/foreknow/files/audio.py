"""Reading sound: whole recordings and, in bounded memory, block by block; what is odd about a file is said, never silent."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foreknow.errors import InputFileError, ParameterError
from foreknow.files.audio_info import AudioInfo, inspect_audio, open_sound_file, soundfile_library
from foreknow.files.blocks import regroup
from foreknow.files.channels import AutomaticChannel, ChannelChoice
from foreknow.files.names import display_name
from foreknow.files.resample import StreamResampler

__all__ = ["AudioInfo", "AudioReader", "Recording", "inspect_audio", "open_audio", "read_audio"]

_PIECE_FRAMES = 32_768
_CANCELLED = 0.05  # energy of the mix relative to its channels below which they are said to cancel


@dataclass(frozen=True, slots=True)
class Recording:
    """One channel of sound in memory.

    Attributes:
        samples: (samples,), full scale is 1.
        rate: sampling rate of ``samples``, hertz; may differ from ``info.rate``.
        info: what the file's header says.
        warnings: sentences on what was odd while reading (truncated, channels that cancel); to be shown to the user.
    """

    samples: Tensor
    rate: int
    info: AudioInfo
    warnings: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples.shape[0] / self.rate


class AudioReader:
    """A sound file read as one channel in blocks, in memory of the size of a block; made by `open_audio`.

    Use as a context manager. A file is read once: `blocks` may be called one time.

    Attributes:
        info: what the header says.
        rate: sampling rate of the blocks, hertz.
        warnings: sentences on what was odd so far; complete when the last block is read.
        frames_read: samples per channel read so far, at the file's own rate.
    """

    def __init__(self, path: Path, channel: ChannelChoice, rate: int | None, minimum_seconds: float) -> None:
        self._file, self.info = open_sound_file(path)
        self._name = display_name(path)
        self._minimum = minimum_seconds
        try:
            weights = channel.weights(self.info.channels, self._name)
            self._used = np.flatnonzero(weights)
            self._weights = weights[self._used]
            self.rate = self.info.rate if rate is None else rate
            self._resampler = StreamResampler(self.info.rate, self.rate)
            self._require_length(self.info.frames)
        except BaseException:
            self._file.close()
            raise
        self.warnings: tuple[str, ...] = self.info.warnings
        self.frames_read = 0
        self._mixed_energy = 0.0
        self._channel_energy = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._file.close()

    def blocks(self, size: int, overlap: int = 0) -> Iterator[Tensor]:
        """The recording in order, in blocks of ``size`` samples at ``self.rate``.

        Args:
            size: samples per block.
            overlap: how many samples at the start of a block repeat the end of the block before.

        Yields:
            (size,), float64; the last may be shorter, with at least ``overlap + 1`` samples.

        Raises:
            ParameterError: if not 0 <= overlap < size.
            InputFileError: if a sample is NaN or infinite, or less can be decoded than the minimum length.
        """
        if not 0 <= overlap < size:
            message = f"blocks need 0 <= overlap < size, not an overlap of {overlap} in {size} samples"
            raise ParameterError(message)
        for block in regroup(self._resampled(), size, overlap):
            yield torch.from_numpy(block)

    def _resampled(self) -> Iterator[NDArray[np.float64]]:
        for piece in self._mixed():
            yield self._resampler.push(piece)
        yield self._resampler.push(np.zeros(0), last=True)

    def _mixed(self) -> Iterator[NDArray[np.float64]]:
        """Pieces of the chosen channel at the file's own rate, checked; at the end the warnings are complete."""
        while (frames := self._read()[:, self._used]).shape[0]:
            self._require_finite(frames)
            mix = frames @ self._weights
            self.frames_read += frames.shape[0]
            self._mixed_energy += float(mix @ mix)
            self._channel_energy += float(((frames * self._weights) ** 2).sum())
            yield mix
        if self.frames_read < self.info.frames and not self.info.warnings:
            have, promised = self.frames_read / self.info.rate, self.info.seconds
            self._warn(f"{self._name} is truncated: {have:.2f} s of the promised {promised:.2f} s can be read and were used")
        self._require_length(self.frames_read)
        if self._mixed_energy < _CANCELLED * self._channel_energy:
            self._warn(f"the channels of {self._name} nearly cancel in their mean; choose one of them (--channel 1)")

    def _read(self) -> NDArray[np.float64]:
        library = soundfile_library()
        try:
            frames: NDArray[np.float64] = self._file.read(_PIECE_FRAMES, dtype="float64", always_2d=True)
        except library.SoundFileError:  # a damaged FLAC or MP3 stream; what came before is good
            return np.zeros((0, self.info.channels))
        return frames

    def _require_finite(self, frames: NDArray[np.float64]) -> None:
        bad = np.flatnonzero(~np.isfinite(frames).all(axis=1))
        if bad.size:
            seconds = (self.frames_read + int(bad[0])) / self.info.rate
            message = f"{self._name} has a sample that is NaN or infinite at {seconds:.3f} s; repair or cut the recording there"
            raise InputFileError(message)

    def _require_length(self, frames: int) -> None:
        seconds = frames / self.info.rate
        if frames == 0:
            message = f"{self._name} holds nothing that can be decoded; copy or export the recording again"
            raise InputFileError(message)
        if seconds < self._minimum:
            message = f"{self._name} lasts {seconds:.3g} s, but at least {self._minimum:g} s are needed; record for longer"
            raise InputFileError(message)

    def _warn(self, sentence: str) -> None:
        self.warnings = (*self.warnings, sentence)


def open_audio(
    path: str | Path,
    *,
    channel: ChannelChoice | None = None,
    rate: int | None = None,
    minimum_seconds: float = 0.0,
) -> AudioReader:
    """Open a sound file (WAV, FLAC, OGG, MP3, AIFF, ... of any rate and depth) for reading block by block.

    Args:
        path: the file.
        channel: which channel to use; default `AutomaticChannel`: the one, the mean of two, an error for more.
        rate: resample to this rate in hertz; None keeps the file's own.
        minimum_seconds: a shorter recording is an error.

    Returns:
        The reader, to be used as a context manager.

    Raises:
        InputFileError: if the file is missing, empty, no sound, damaged beyond use, too short, or the channel does not exist.
        ParameterError: if ``rate`` is not positive.
        ForeknowError: if the library soundfile or soxr is not installed.
    """
    return AudioReader(Path(path), channel or AutomaticChannel(), rate, minimum_seconds)


def read_audio(
    path: str | Path,
    *,
    channel: ChannelChoice | None = None,
    rate: int | None = None,
    minimum_seconds: float = 0.0,
    dtype: torch.dtype = torch.float64,
) -> Recording:
    """Read one channel of a whole recording.

    Memory grows with what the file holds, not with what its header claims.

    Args:
        path: the file.
        channel: as in `open_audio`.
        rate: as in `open_audio`.
        minimum_seconds: as in `open_audio`.
        dtype: of the samples.

    Raises:
        InputFileError: as `open_audio`, and if a sample is NaN or infinite.
        ForeknowError: if the library soundfile or soxr is not installed.
    """
    with open_audio(path, channel=channel, rate=rate, minimum_seconds=minimum_seconds) as reader:
        samples = torch.cat([block.to(dtype) for block in reader.blocks(2**18)])
        return Recording(samples, reader.rate, reader.info, reader.warnings)
