"""The summary.json of results: read back, and looked for before new results are written."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from foreknow.errors import ParameterError
from foreknow.files.names import display_name

SUMMARY = "summary.json"


def read_summary(folder: Path, tool: str) -> dict[str, Any] | None:
    """What an earlier run of ``tool`` wrote as ``summary.json``; None if there is none that it wrote."""
    try:
        content = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and content.get("tool") == tool else None


def require_no_results(folders: Iterable[Path], holds_results: Callable[[Path], object]) -> None:
    """Check that no folder holds results, and that none is a file.

    Args:
        folders: in which results are about to be written.
        holds_results: what is true, or not empty, for a folder that has results.

    Raises:
        ParameterError: naming the first that does, and what to do.
    """
    taken = [folder for folder in folders if holds_results(folder) or (folder.exists() and not folder.is_dir())]
    if taken:
        more = f" (and {len(taken) - 1} more)" if len(taken) > 1 else ""
        message = (
            f"{display_name(taken[0])}{more} holds results already; add --overwrite to replace them, or choose another folder (-o)"
        )
        raise ParameterError(message)
