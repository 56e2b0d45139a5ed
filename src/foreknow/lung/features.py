"""Features of recordings for statistics: what the summaries of their results say, one line a recording."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foreknow.errors import InputFileError, ParameterError
from foreknow.files import display_name, write_text_atomic
from foreknow.files.summary import SUMMARY
from foreknow.files.table import csv_of_records
from foreknow.lung.results import read_summary

_NAMES = ("name", "recording", "version")
_LEFT_OUT = {"tool", "disclaimer", "encoding", "model", "settings", "convergence", "notices", "seed"}


def collect_features(folders: Sequence[str | Path]) -> list[dict[str, Any]]:
    """The numbers of every recording whose results lie in folders or below, in order of their places.

    Raises:
        InputFileError: if there are no results.
    """
    rows = []
    for folder in (Path(folder) for folder in folders):
        places = sorted(path.parent for path in folder.rglob(SUMMARY)) if folder.is_dir() else []
        found = [summary for place in places if (summary := read_summary(place)) is not None]
        if not found:
            message = f"{display_name(folder)} holds no results; give a folder that foreknow lung separate wrote"
            raise InputFileError(message)
        rows += [{key: value for key, value in summary.items() if key not in _LEFT_OUT} for summary in found]
    return rows


def write_features(folders: Sequence[str | Path], path: str | Path, *, overwrite: bool = False) -> int:
    """Write `collect_features` as CSV, what is not known as ``n/a``; atomic.

    Args:
        folders: results of ``foreknow lung separate``.
        path: of the table.
        overwrite: whether a file of this name is replaced.

    Returns:
        How many recordings it holds.

    Raises:
        InputFileError: if there are no results.
        ParameterError: if there is a file of this name already and ``overwrite`` is not set, or a folder.
    """
    target = Path(path)
    if target.is_dir() or (target.exists() and not overwrite):
        what = "is a folder; name a file" if target.is_dir() else "exists already; add --overwrite to replace it"
        message = f"{display_name(target)} {what}, for example features.csv"
        raise ParameterError(message)
    rows = collect_features(folders)
    columns = [*_NAMES, *(key for key in dict.fromkeys(key for row in rows for key in row) if key not in _NAMES)]
    write_text_atomic(target, csv_of_records(columns, rows))
    return len(rows)
