"""From what is written on a command line to runs with names of their own, which tell nothing of a person."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from foreknow.errors import InputFileError
from foreknow.files.dicom import looks_like_dicom
from foreknow.files.image_stack import IMAGE_SUFFIXES
from foreknow.files.names import natural_order
from foreknow.files.video import VIDEO_SUFFIXES


@dataclass(frozen=True)
class RunInput:
    """A run to work on.

    Attributes:
        path: its file, or the folder of its pictures.
        name: of its results: ``run-001`` and so on, in the order given; files are often named after patients.
    """

    path: Path
    name: str


def find_runs(paths: Sequence[str | Path], exclude: Path | None = None) -> list[RunInput]:
    """Expand files and folders: DICOM files and videos in a folder are a run each, pictures in a folder are one run together.

    Folders are searched at any depth, in natural order (``2`` before ``10``), without hidden ones.

    Args:
        paths: files and folders.
        exclude: a folder that is passed over, such as that of earlier results.

    Raises:
        InputFileError: if a path does not exist, or a folder has no run in it; it tells which by its number.
    """
    excluded = None if exclude is None else exclude.resolve()
    found: dict[Path, Path] = {}
    for number, given in enumerate(paths, start=1):
        path = Path(given)
        if not path.exists():
            message = f"input {number} of {len(paths)} does not exist; check the spelling and the folder"
            raise InputFileError(message)
        inside = list(_inside(path, excluded)) if path.is_dir() else [path]
        if not inside:
            message = (
                f"input {number} of {len(paths)} is a folder without runs; they are DICOM files, videos, or pictures (PNG, TIFF)"
            )
            raise InputFileError(message)
        for run in inside:
            found.setdefault(run.resolve(), run)
    digits = max(3, len(str(len(found))))
    return [RunInput(path, f"run-{number:0{digits}d}") for number, path in enumerate(found.values(), start=1)]


def _inside(folder: Path, excluded: Path | None) -> Iterator[Path]:
    if excluded is not None and folder.resolve() == excluded:
        return
    content = sorted(
        (path for path in folder.iterdir() if not path.name.startswith(".")), key=lambda path: natural_order(path.name)
    )
    files = [path for path in content if path.is_file()]
    yield from (path for path in files if path.suffix.lower() in VIDEO_SUFFIXES or looks_like_dicom(path))
    if any(path.suffix.lower() in IMAGE_SUFFIXES for path in files):
        yield folder
    for path in content:
        if path.is_dir():
            yield from _inside(path, excluded)
