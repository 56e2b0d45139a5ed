"""What the header of a sound file says, and opening it with every fault said in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foreknow.errors import ForeknowError, InputFileError
from foreknow.files.integrity import missing_bytes, require_regular_file, why_not_audio
from foreknow.files.names import display_name

LOWEST_RATE = 500
HIGHEST_RATE = 768_000


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What the header of a sound file says; no metadata tags, which may name a person.

    Attributes:
        path: the file.
        rate: sampling rate, hertz.
        frames: samples per channel as promised; a truncated file holds fewer.
        channels: how many.
        encoding: format and storage in words, for example ``WAV PCM_16``.
        warnings: sentences on what is odd already in the header.
    """

    path: Path
    rate: int
    frames: int
    channels: int
    encoding: str
    warnings: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Promised length in seconds."""
        return self.frames / self.rate


def inspect_audio(path: str | Path) -> AudioInfo:
    """Read the header of a sound file.

    Raises:
        InputFileError: if there is no such file, or it is no sound that can be read.
        ForeknowError: if the library soundfile is not installed.
    """
    file, info = open_sound_file(Path(path))
    file.close()
    return info


def soundfile_library() -> Any:  # noqa: ANN401  (an untyped library)
    """The module ``soundfile``, imported when it is first needed.

    Raises:
        ForeknowError: if it is not installed, saying how to install it.
    """
    try:
        import soundfile  # noqa: PLC0415
    except (ImportError, OSError) as error:  # OSError: the wrapper is there, the library libsndfile is not
        message = "reading sound needs the library soundfile; install it with: pip install 'foreknow[lung]'"
        raise ForeknowError(message) from error
    return soundfile


def open_sound_file(path: Path) -> tuple[Any, AudioInfo]:
    """The open ``soundfile.SoundFile`` and its description; the caller closes the file.

    Raises:
        InputFileError: if there is no such file, or it is no sound that can be read.
        ForeknowError: if the library soundfile is not installed.
    """
    library = soundfile_library()
    require_regular_file(path)
    try:
        file = library.SoundFile(path)
    except (library.SoundFileError, TypeError, OSError) as error:
        raise InputFileError(why_not_audio(path)) from error
    try:
        return file, _describe(file, path)
    except BaseException:
        file.close()
        raise


def _describe(file: Any, path: Path) -> AudioInfo:  # noqa: ANN401  (an untyped library)
    name = display_name(path)
    rate, frames = int(file.samplerate), int(file.frames)
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        message = f"{name} claims a sampling rate of {rate} Hz, which no sound recording has; export the recording again"
        raise InputFileError(message)
    missing = missing_bytes(path)
    if frames <= 0:
        why = "was cut off after its header" if missing else "holds no samples"
        message = f"{name} {why}; copy or export the recording again"
        raise InputFileError(message)
    warnings = []
    if missing:
        warnings.append(f"{name} is truncated: {missing} bytes that its header promises are missing; what is there was used")
    elif "lacks an end-of-stream" in str(file.extra_info):
        warnings.append(f"{name} is truncated: its stream has no end mark; what is there was used")
    return AudioInfo(path, rate, frames, int(file.channels), f"{file.format} {file.subtype}", tuple(warnings))
