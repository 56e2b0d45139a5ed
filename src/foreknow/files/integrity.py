"""What is wrong with a file that should hold sound, said in one sentence; and whether a WAV file holds all it promises."""

import struct
from pathlib import Path

from foreknow.errors import InputFileError
from foreknow.files.names import display_name

_UNFINISHED = (0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)  # lengths that streaming programs leave in a header they never come back to
_ADVICE = {
    ".zsa": "it is a Littmann file; export the recording as WAV with the Littmann software",
    ".m4a": "MPEG-4 audio is not read; convert it first, for example: ffmpeg -i in.m4a out.wav",
    ".aac": "AAC audio is not read; convert it first, for example: ffmpeg -i in.aac out.wav",
    ".mp4": "MPEG-4 files are not read; extract the sound first, for example: ffmpeg -i in.mp4 out.wav",
    ".wma": "Windows Media audio is not read; convert it first, for example: ffmpeg -i in.wma out.wav",
    ".amr": "AMR audio is not read; convert it first, for example: ffmpeg -i in.amr out.wav",
}


def require_regular_file(path: Path) -> None:
    """Check that there is a file with something in it.

    Raises:
        InputFileError: if it is missing, a folder, no regular file, or has 0 bytes.
    """
    name = display_name(path)
    try:
        if path.is_dir():
            message = f"{name} is a folder; give a recording, or a command that takes folders"
        elif path.is_file():
            if path.stat().st_size:
                return
            message = f"{name} is empty (0 bytes); copy or export the recording again"
        elif path.exists():
            message = f"{name} is not a regular file; copy its content into a file first"
        else:
            message = f"{name} does not exist; check the spelling and the folder"
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        message = f"{name} cannot be looked at ({reason}); check the name and the permissions"
        raise InputFileError(message) from error
    raise InputFileError(message)


def why_not_audio(path: Path) -> str:
    """One sentence that says why libsndfile could not open ``path``, and what to do."""
    name = display_name(path)
    try:
        with path.open("rb") as file:
            start = file.read(4096)
    except OSError as error:
        return f"{name} cannot be opened ({error.strerror}); check its permissions"
    if path.suffix.lower() in _ADVICE:
        return f"{name} cannot be read: {_ADVICE[path.suffix.lower()]}"
    if start[:4] in (b"RIFF", b"RF64", b"fLaC", b"OggS"):
        return f"{name} begins like sound, but its header is damaged or asks for the impossible; export the recording again"
    if _looks_like_text(start):
        return f"{name} holds text, not sound; give the recording itself (WAV, FLAC, OGG or MP3)"
    return f"{name} holds no sound that can be read; export the recording as WAV, FLAC, OGG or MP3"


def _looks_like_text(start: bytes) -> bool:
    printable = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in start)
    return printable > 0.95 * len(start)


def missing_bytes(path: Path) -> int:
    """How many bytes of samples the header of a WAV file promises but the file does not have; 0 for any other file.

    Lengths that programs write before they know the length (0, or the largest number) promise nothing.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) != b"RIFF" or file.read(8)[4:] != b"WAVE":
            return 0
        while len(header := file.read(8)) == 8:
            kind, length = struct.unpack("<4sI", header)
            if kind == b"data":
                promised = 0 if length in _UNFINISHED or length > 0xFFFFFF00 else length
                return max(0, promised - (size - file.tell()))
            file.seek(length + length % 2, 1)
    return 0
