"""From what is written on a command line to a list of recordings, each with an output name of its own."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from foreknow.errors import InputFileError
from foreknow.files.names import display_name, natural_order

AUDIO_SUFFIXES = frozenset(
    {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64", ".rf64"}
)
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class InputFile:
    """A recording to work on.

    Attributes:
        path: the file.
        name: a name for its results, unlike that of any other file of the list on any system, and safe as a folder name.
    """

    path: Path
    name: str


def collect_audio(paths: Iterable[str | Path], exclude: str | Path | None = None) -> list[InputFile]:
    """Expand files and folders into recordings.

    A file is taken whatever its name; of a folder, all files inside it at any depth that are named like sound (`AUDIO_SUFFIXES`),
    in natural order (``2`` before ``10``), without hidden ones. A file that is met twice is taken once.

    Args:
        paths: files and folders.
        exclude: a folder whose content is left out, such as the output folder of an earlier run inside the input folder.

    Raises:
        InputFileError: if a path does not exist, a folder has no sound in it, or nothing was given.
    """
    excluded = None if exclude is None else Path(exclude).resolve()
    found: dict[Path, Path] = {}
    for given in paths:
        path = Path(given)
        if path.is_dir():
            inside = [file for file in _inside(path) if excluded is None or not file.resolve().is_relative_to(excluded)]
            if not inside:
                message = f"the folder {display_name(path)} has no recordings in it; sound files end in .wav, .flac, .ogg or .mp3"
                raise InputFileError(message)
        elif path.exists():
            inside = [path]
        else:
            message = f"{display_name(path)} does not exist; check the spelling and the folder"
            raise InputFileError(message)
        for file in inside:
            found.setdefault(file.resolve(), file)
    if not found:
        message = "no recordings were given; name one or more files or folders"
        raise InputFileError(message)
    files = list(found.values())
    return [InputFile(file, name) for file, name in zip(files, _names(files), strict=True)]


def _inside(folder: Path) -> Iterator[Path]:
    def visible(file: Path) -> bool:
        return not any(part.startswith(".") for part in file.relative_to(folder).parts)

    files = [file for file in folder.rglob("*") if file.suffix.lower() in AUDIO_SUFFIXES and visible(file) and file.is_file()]
    return iter(sorted(files, key=lambda file: [natural_order(part) for part in file.relative_to(folder).parts]))


def _names(files: list[Path]) -> list[str]:
    """Distinct names: the stem; where stems collide the file's ending, then the folder, then a number is added."""
    forms: list[Callable[[Path], str]] = [
        lambda file: file.stem,
        lambda file: f"{file.stem}-{file.suffix.lstrip('.')}",
        lambda file: f"{file.resolve().parent.name}-{file.stem}",
        lambda file: f"{file.resolve().parent.name}-{file.stem}-{file.suffix.lstrip('.')}",
    ]
    names = [""] * len(files)
    open_indices = list(range(len(files)))
    taken: set[str] = set()
    for form in forms:
        candidates = {index: _safe(form(files[index])) for index in open_indices}
        counts = Counter(name.casefold() for name in candidates.values())
        for index, name in candidates.items():
            if counts[name.casefold()] == 1 and name.casefold() not in taken:
                names[index] = name
        taken.update(names[index].casefold() for index in open_indices if names[index])
        open_indices = [index for index in open_indices if not names[index]]
    for index in open_indices:
        base, number = _safe(forms[-1](files[index])), 1
        while f"{base}-{number}".casefold() in taken:
            number += 1
        names[index] = f"{base}-{number}"
        taken.add(names[index].casefold())
    return names


def _safe(name: str) -> str:
    """A name that every file system takes: no separators, control characters, leading dots or dashes, at most 100 characters."""
    cleaned = "".join(character if character.isprintable() and character not in '<>:"/\\|?*' else "_" for character in name)
    cleaned = cleaned.strip(" .").lstrip("-")
    cleaned = cleaned.encode("utf-8")[:_LONGEST_NAME].decode("utf-8", errors="ignore").rstrip(" .")
    reserved = re.fullmatch(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", cleaned)
    return f"_{cleaned}" if reserved or not cleaned else cleaned
