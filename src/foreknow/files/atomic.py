"""Atomic writing of text and JSON."""

import json
from pathlib import Path
from typing import Any

from foreknow.atomic import atomic_path

__all__ = ["atomic_path", "write_json_atomic", "write_text_atomic"]


def write_text_atomic(path: str | Path, text: str) -> None:
    """Write ``text`` as UTF-8 with line ends as they are; what UTF-8 cannot hold (bytes of odd file names) is backslash-escaped."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


def write_json_atomic(path: str | Path, content: Any) -> None:  # noqa: ANN401  (JSON holds anything)
    """Write ``content`` as indented JSON.

    Raises:
        ValueError: if a number is NaN or infinite, which JSON cannot hold.
        TypeError: if something in ``content`` has no JSON form.
    """
    write_text_atomic(path, json.dumps(content, indent=2, ensure_ascii=True, allow_nan=False) + "\n")
