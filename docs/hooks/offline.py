"""The site works without a network: a build whose pages would load anything from one fails."""

import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

LOADED = re.compile(
    r"""<(?:script|img|iframe|source|audio|video)\b[^>]*\bsrc=["']?(?:https?:)?//[^"'\s>]+"""
    r"""|<link\b(?![^>]*rel=["']?canonical)[^>]*\bhref=["']?(?:https?:)?//[^"'\s>]+"""
    r"""|@import\s+(?:url\()?["']?(?:https?:)?//[^"')\s]+"""
    r"""|url\(["']?(?:https?:)?//[^"')\s]+"""
)


def on_post_build(config: Any, **_: Any) -> None:
    """Look through what was built.

    Raises:
        PluginError: naming the first files that load something.
    """
    site = Path(config.site_dir)
    found = []
    for file in sorted((*site.rglob("*.html"), *site.rglob("*.css"))):
        hit = LOADED.search(file.read_text(encoding="utf-8"))
        if hit:
            found.append(f"{file.relative_to(site)}: {hit[0][:120]}")
    if found:
        message = "the site would load from a network: " + "; ".join(found[:5])
        raise PluginError(message)
