"""Docstrings are plain English with a little mathematics: what Markdown would read in it is taken literally."""

import re
from typing import Any

from griffe import Extension, Object

CODE = re.compile(r"``?[^`\n]+``?")
MARKED = re.compile(r"\\?([*<_|])")


class Literal(Extension):
    """Escape signs of Markdown outside code, and read "Example:" as the examples that it holds."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rewrite the docstring of any object."""
        if obj.docstring is not None:
            obj.docstring.value = literal(obj.docstring.value)


def literal(text: str) -> str:
    """The docstring with the signs escaped; code and doctests stay as they are."""
    text = re.sub(r"^(\s*)Example:$", r"\1Examples:", text, flags=re.MULTILINE)
    lines, code = [], False
    for line in text.split("\n"):
        code = line.strip().startswith(">>>") or (code and bool(line.strip()))
        lines.append(line if code else _escaped(line))
    return "\n".join(lines)


def _escaped(line: str) -> str:
    argument = re.match(r"\s*\w+(?: \([^)]*\))?: ", line)  # the name before a colon is a name, not text
    head = argument[0] if argument else ""
    rest, parts, end = line[len(head) :], [head], 0
    for code in CODE.finditer(rest):
        parts += [_signs(rest[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, _signs(rest[end:])])


def _signs(text: str) -> str:
    return MARKED.sub(lambda found: "&lt;" if found[1] == "<" else f"\\{found[1]}", text)
