"""From what is written on a command line to fields and slides with names of their own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from foreknow.cytology.image_file import IMAGE_SUFFIXES, SLIDE_SUFFIXES
from foreknow.errors import InputFileError
from foreknow.files import display_name
from foreknow.files.names import natural_order


@dataclass(frozen=True)
class ImageInput:
    """A field or slide to work on.

    Attributes:
        path: its file.
        name: of its results.
    """

    path: Path
    name: str


def find_images(paths: Sequence[str | Path], exclude: Path | None = None) -> list[ImageInput]:
    """Expand files and folders; of a folder all images and slides at any depth, in natural order, without hidden ones.

    Args:
        paths: files and folders.
        exclude: a folder that is passed over, such as that of earlier results.

    Raises:
        InputFileError: if a path does not exist, a folder has no image, or nothing was given.
    """
    excluded = None if exclude is None else exclude.resolve()
    found: dict[Path, Path] = {}
    for given in paths:
        path = Path(given)
        if not path.exists():
            message = f"{display_name(path)} does not exist; check the spelling and the folder"
            raise InputFileError(message)
        inside = list(_inside(path, excluded)) if path.is_dir() else [path]
        if not inside:
            message = f"the folder {display_name(path)} has no images; they end in .png, .jpg, .tif, .svs, .ndpi, .mrxs or .dcm"
            raise InputFileError(message)
        for file in inside:
            found.setdefault(file.resolve(), file)
    if not found:
        message = "no images were given; name one or more files or folders"
        raise InputFileError(message)
    stems = [_safe(path.stem) for path in found.values()]
    counts = Counter(stem.casefold() for stem in stems)
    taken: set[str] = set()
    named = []
    for path, stem in zip(found.values(), stems, strict=True):
        name = stem if counts[stem.casefold()] == 1 else f"{stem}-{path.suffix.lstrip('.').lower()}"
        number, unique = 1, name
        while unique.casefold() in taken:
            number += 1
            unique = f"{name}-{number}"
        taken.add(unique.casefold())
        named.append(ImageInput(path, unique))
    return named


def _inside(folder: Path, excluded: Path | None) -> Iterator[Path]:
    if excluded is not None and folder.resolve() == excluded:
        return
    content = sorted(
        (path for path in folder.iterdir() if not path.name.startswith(".")), key=lambda path: natural_order(path.name)
    )
    yield from (path for path in content if path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES | SLIDE_SUFFIXES)
    for path in content:
        if path.is_dir() and not (folder / f"{path.name}.mrxs").exists():  # a MIRAX slide keeps its tiles in such a folder
            yield from _inside(path, excluded)


def _safe(stem: str) -> str:
    name = re.sub(r"[^\w.-]+", "_", stem).strip("._-")[:80]
    return name or "image"
