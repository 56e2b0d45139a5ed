"""Many files in one call: what stopped one of them, as a sentence, and the table of all."""

import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foreknow.errors import ForeknowError
from foreknow.files.atomic import write_text_atomic
from foreknow.files.table import csv_of_records

TABLE = "summary.csv"


@dataclass(frozen=True)
class FileDone:
    """A file of a batch whose results are written.

    Attributes:
        name: of the results.
        summary: as in ``summary.json``.
    """

    name: str
    summary: dict[str, Any]


@dataclass(frozen=True)
class FileFailure:
    """A file of a batch that could not be worked on.

    Attributes:
        name: that its results would have had.
        message: one sentence that says why.
        is_input: whether the file itself is to blame.
        details: the traceback, for a developer.
    """

    name: str
    message: str
    is_input: bool
    details: str = ""


def failure_of(error: Exception, name: str, shown: str, remedy: str, *, quoted: bool = False) -> FileFailure:
    """What an error makes of a file.

    Args:
        error: that stopped it.
        name: of its results.
        shown: what the sentence calls the file.
        remedy: what to do where memory was short.
        quoted: whether a fault of the program is told with its text, which may quote the file.
    """
    details = "".join(traceback.format_exception(error))
    if isinstance(error, ForeknowError):
        return FileFailure(name, str(error), is_input=True, details=details)
    if isinstance(error, MemoryError):
        message = f"{shown} needs more memory than there is; {remedy}"
    elif isinstance(error, OSError):
        message = f"{shown} could not be finished: {error.strerror or 'an error of the system'}"
    else:
        what = f"{type(error).__name__}: {error}".splitlines()[0] if quoted else type(error).__name__
        message = f"{shown} failed by a fault of foreknow ({what})"
    return FileFailure(name, message, is_input=False, details=details)


def write_summary_table(
    folder: Path, columns: Sequence[str], summaries: Iterable[Mapping[str, Any]], failures: Iterable[FileFailure]
) -> None:
    """Write ``summary.csv``: a line for each file, done or not, in the order of their names.

    Args:
        folder: of the batch.
        columns: ``name``, ``status`` and ``message``, and what is taken of the summaries.
        summaries: of the files that were done, as in their ``summary.json``.
        failures: of the others.
    """
    rows: list[dict[str, Any]] = [{**summary, "status": "ok", "message": ""} for summary in summaries]
    rows += [{"name": failure.name, "status": "failed", "message": failure.message} for failure in failures]
    rows.sort(key=lambda row: str(row["name"]))
    write_text_atomic(folder / TABLE, csv_of_records(columns, rows))
