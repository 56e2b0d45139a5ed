"""Formulas in MathML, which browsers show by themselves: no script, no font from a network."""

import html
import re
from typing import Any

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError

FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', flags=re.DOTALL)


def on_page_content(content: str, page: Any, **_: Any) -> str:
    """Replace what pymdownx.arithmatex marks as a formula.

    Raises:
        PluginError: if a command of a formula is not understood.
    """
    written = FORMULA.sub(_mathml, content)
    unknown = re.search(r"<m[a-z]+[^>]*>\\\w+", written)
    if unknown:
        message = f"{page.file.src_uri}: a formula has a command that is not understood: {unknown[0].rpartition('>')[2]}"
        raise PluginError(message)
    return written


def _mathml(match: re.Match[str]) -> str:
    element, bracket, formula = match.groups()
    written = convert(html.unescape(formula).strip(), display="block" if bracket == "[" else "inline")
    return f'<div class="formula">{written}</div>' if element == "div" else written
