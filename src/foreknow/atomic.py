"""A file under its final name is always complete, whatever fails or is killed meanwhile."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path to write to, in the folder of ``path``; on success it takes the name ``path``, on failure it is removed.

    The folder is made if it is not there. A file that was at ``path`` stays as it was until the new one is complete and on disk
    (``os.replace``), also if the block raises. After a kill a hidden file ``.….part`` may be left, never a half-written ``path``.

    Args:
        path: the final name.

    Yields:
        The temporary name, ending in ``.part``; the block must create that file.

    Raises:
        OSError: if the folder cannot be made or written to, or the block has not created the file.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.parent / f".{secrets.token_hex(8)}.part"  # short: the final name may already be as long as is allowed
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(final)
    finally:
        temporary.unlink(missing_ok=True)
