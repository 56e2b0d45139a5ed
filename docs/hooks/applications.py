"""The pages of the applications, docs/NAME.md for each application of `foreknow`, take their places when they exist."""

from pathlib import Path
from typing import Any

TITLES = {
    "lung": "Lung sounds",
    "angiography": "X-ray angiography",
    "cytology": "Cytology",
    "swallow": "Swallowing",
}
PLACE = "<!-- pages of the applications -->"


def existing(docs: Path) -> dict[str, str]:
    """Title by name of the page, of those that are there."""
    return {f"{name}.md": title for name, title in TITLES.items() if (docs / f"{name}.md").is_file()}


def on_config(config: Any, **_: Any) -> Any:
    """Fill the section of the navigation, or leave it out while it is empty."""
    pages = [{title: page} for page, title in existing(Path(config.docs_dir)).items()]
    config.nav = [entry for entry in config.nav if pages or entry != {"Applications": []}]
    for entry in config.nav:
        if "Applications" in entry:
            entry["Applications"] = pages
    return config


def on_page_markdown(markdown: str, config: Any, **_: Any) -> str:
    """List the pages where a page asks for them."""
    if PLACE not in markdown:
        return markdown
    pages = existing(Path(config.docs_dir))
    listed = ", ".join(f"[{title}]({page})" for page, title in pages.items())
    return markdown.replace(PLACE, f"A page of its own: {listed}." if pages else "")
