"""Several files that belong together: they appear in their folder when all of them are complete."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def staged_folder(folder: str | Path) -> Iterator[Path]:
    """A hidden folder beside ``folder`` to write files into; on success they move to ``folder``, on failure they are removed.

    Until the block ends, files of an earlier run in ``folder`` stay as they are; then files of the same names are replaced. Other
    files there are not touched. After a kill a hidden folder ``.….part`` may be left.

    Args:
        folder: where the files shall be; made if it is not there.

    Yields:
        The hidden folder.

    Raises:
        OSError: if a folder cannot be made or written to.
    """
    final = Path(folder)
    final.parent.mkdir(parents=True, exist_ok=True)
    staging = final.parent / f".{secrets.token_hex(8)}.part"
    staging.mkdir()
    try:
        yield staging
        final.mkdir(exist_ok=True)
        for file in sorted(staging.iterdir()):
            file.replace(final / file.name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
