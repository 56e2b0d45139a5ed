"""File names as text that is safe to print in one line."""

from pathlib import Path


def display_name(path: str | Path) -> str:
    """The path as printable text: control characters and undecodable bytes become backslash escapes, all else stays.

    A file may be named with a line break, a terminal escape or bytes that are no text; messages, tables and reports show this
    form of the name.
    """
    return "".join(character if character.isprintable() else _escape(character) for character in str(path))


def _escape(character: str) -> str:
    return character.encode("unicode_escape", errors="backslashreplace").decode("ascii")
