"""What the shipped models say of how they were made, read from their files whenever the site is built."""

import json
from pathlib import Path
from typing import Any

PLACE = "<!-- records of the shipped weights -->"


def on_page_markdown(markdown: str, config: Any, **_: Any) -> str:
    """Put a table in the place that a page has for it."""
    if PLACE not in markdown:
        return markdown
    source = Path(config.docs_dir).parent / "src"
    lines = ["| weights | data | training |", "|---|---|---|"]
    for file in sorted(source.rglob("model.json")):
        record = json.loads(file.read_text(encoding="utf-8"))
        training = "; ".join(f"{name} {value}" for name, value in record["training"].items()) or "not recorded"
        cells = (f"`{file.parent.relative_to(source).as_posix()}`", record["data"] or "not recorded", training)
        lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
    return markdown.replace(PLACE, "\n".join(lines))
