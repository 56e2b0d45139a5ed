"""The page of measurements, from benchmarks/results.json: where we lose, then every table with its settings."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

HEAD = """# Benchmarks

All of this is measured by committed programs and written by them: `make bench` runs all, `python -m benchmarks NAME` one of them.
This page is made from `benchmarks/results.json` whenever the site is built; nothing on it is typed by hand. Speeds are quotients of
times that were taken in turns on one machine, with one thread; only the quotients mean anything elsewhere.

"""
LOSSES = """## Where we lose

Wherever a method that is not ours has the better value in the tables below, the best such one is listed here. A program found it
(`benchmarks/losses.py`); nothing is picked. "Within the intervals" means that the confidence intervals of the two overlap.

"""


def on_files(files: Any, config: Any, **_: Any) -> Any:
    """Make the page.

    Raises:
        PluginError: if there is no record.
    """
    root = Path(config.docs_dir).parent
    record = root / "benchmarks" / "results.json"
    if not record.is_file():
        message = f"there is no {record}; make it with: make bench"
        raise PluginError(message)
    files.append(File.generated(config, "benchmarks.md", content=page(json.loads(record.read_text(encoding="utf-8")), root)))
    return files


def page(sections: dict[str, Any], root: Path) -> str:
    """The whole page in Markdown."""
    sys.path.insert(0, str(root))
    try:
        from benchmarks.losses import COMPARISONS, UNCOMPARED, losses  # noqa: PLC0415  (a folder beside docs/, not a package)
        from benchmarks.record import section_markdown  # noqa: PLC0415
    finally:
        sys.path.remove(str(root))
    ordered = sorted(sections.items(), key=lambda item: item[1]["title"])
    lost = {name: losses(name, section) for name, section in ordered}
    text = [HEAD, *_settings(sections), LOSSES]
    for name, section in ordered:
        if lost[name]:
            text += [f"### {section['title']}\n\n", *_table(lost[name]), "\n"]
    nowhere = [(name, section["title"]) for name, section in ordered if not lost[name]]
    text += ["### Nowhere, or not comparable\n\n"]
    for name, title in nowhere:
        undeclared = "Nothing is compared by the program yet (`benchmarks/losses.py`): read the table below."
        otherwise = "No loss in the comparisons that are declared." if name in COMPARISONS else undeclared
        text.append(f"- {title}. {UNCOMPARED.get(name, otherwise)}\n")
    text.append("\n")
    text += [section_markdown(section).lstrip("\n") + f"\n`python -m benchmarks {name}`\n\n" for name, section in ordered]
    return "".join(text)


def _settings(sections: dict[str, Any]) -> Iterator[str]:
    """The machine and the versions of the peers, once; the tables repeat what differs."""
    versions: dict[str, set[str]] = {}
    facts: dict[str, set[str]] = {}
    for section in sections.values():
        for key, value in section.get("environment", {}).items():
            if key != "libraries":
                facts.setdefault(key, set()).add(value)
                continue
            for library in value.split(", "):
                name, _, version = library.rpartition(" ")
                versions.setdefault(name, set()).add(version)
    yield "## Machine and versions\n\n| what | version |\n|---|---|\n"
    for key, values in facts.items():
        yield f"| {key} | {'; '.join(sorted(values))} |\n"
    for name, found in sorted(versions.items(), key=lambda item: item[0].lower()):
        yield f"| {name} | {', '.join(sorted(found))} |\n"
    yield "\n"


def _table(found: list[Any]) -> Iterator[str]:
    yield "| case | measure | ours | better | whose | |\n|---|---|---|---|---|---|\n"
    for loss in found:
        cells = (loss.case or "all", loss.measure, f"{loss.ours:.4g}", f"{loss.best:.4g}", loss.by)
        remark = "" if loss.certain else "within the intervals"
        yield "| " + " | ".join(re.sub(r"\|", r"\\|", cell) for cell in (*cells, remark)) + " |\n"
