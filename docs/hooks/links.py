"""Links from a page to a file outside docs/, which work where the repository is read, lead on the site to what stands for it."""

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

REPOSITORY = "https://github.com/foreknow/foreknow/blob/main"
LINK = re.compile(r"(?<=\]\()(\.\./[^)#\s]*)(?=[)#])")


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Rewrite the links that leave docs/.

    Raises:
        PluginError: if there is no such file.
    """
    docs = Path(config.docs_dir)
    here = (docs / page.file.src_uri).parent

    def target(match: re.Match[str]) -> str:
        file = (here / match[1]).resolve()
        if file.is_relative_to(docs):
            return match[1]
        if not file.exists():
            message = f"{page.file.src_uri} links to {match[1]}, which does not exist"
            raise PluginError(message)
        inside = file.relative_to(docs.parent)
        if inside.as_posix() in {"benchmarks/results.md", "benchmarks/results.json"}:
            return _from(page, "benchmarks.md")
        if inside.is_relative_to("examples/gallery"):
            return _from(page, f"gallery/{inside.stem}.md" if inside.suffix == ".py" else "gallery/index.md")
        return f"{REPOSITORY}/{inside.as_posix()}"

    return LINK.sub(target, markdown)


def _from(page: Any, uri: str) -> str:
    return Path(os.path.relpath(uri, Path(page.file.src_uri).parent)).as_posix()
