"""File names: as text that is safe to print in one line, and in the order that people expect."""

import re
from pathlib import Path


def display_name(path: str | Path) -> str:
    """The path as printable text: control characters and undecodable bytes become backslash escapes, all else stays.

    A file may be named with a line break, a terminal escape or bytes that are no text; messages, tables and reports show this
    form of the name.
    """
    return "".join(character if character.isprintable() else _escape(character) for character in str(path))


def natural_order(name: str) -> list[tuple[int, int, str]]:
    """A key by which names sort as people expect: ``2`` before ``10``, capital and small letters alike."""
    pieces = re.split(r"([0-9]+)", name.lower())
    return [(1, int(piece), "") if index % 2 else (0, 0, piece) for index, piece in enumerate(pieces)]


def _escape(character: str) -> str:
    return character.encode("unicode_escape", errors="backslashreplace").decode("ascii")
