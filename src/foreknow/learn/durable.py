"""Writing that survives a kill or a power cut: a file under its final name is always complete."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foreknow.atomic import atomic_path


@contextmanager
def durable_path(path: Path) -> Iterator[Path]:
    """A temporary path in the folder of ``path``; when the block ends the file is flushed to the disk and takes its final name.

    The folder is made if it is not there. If the block raises, what was at ``path`` before stays.

    Raises:
        OSError: if the folder cannot be made or written to, or the block has not created the file.
    """
    with atomic_path(path) as temporary:
        yield temporary
    _flush_folder(path.parent)


def write_text_durably(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, line ends as they are."""
    with durable_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def _flush_folder(folder: Path) -> None:
    """Without this the rename itself may be lost when the power fails."""
    if os.name != "posix":
        return  # elsewhere a folder cannot be opened
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
