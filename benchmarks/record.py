"""The written record: `results.json` for programs, `results.md` for people. A run replaces only the sections that it measured."""

import json
from pathlib import Path

from benchmarks.harness import Outcome
from benchmarks.table import Estimate, Json, show

HEAD = """# Measurements

Made by `make bench` (`python -m benchmarks [names...]`); written by the program, not by hand. Machine readable: `results.json`.
"""


def update(folder: Path, outcomes: list[Outcome], environment: dict[str, str], *, quick: bool) -> tuple[Path, Path]:
    """Merge outcomes into the record of a folder.

    A failed benchmark keeps its last good numbers with the error beside them.

    Returns:
        The JSON and the Markdown file.
    """
    data, text = folder / "results.json", folder / "results.md"
    sections: dict[str, Json] = json.loads(data.read_text()) if data.is_file() else {}
    for outcome in outcomes:
        sections[outcome.name] = _section(outcome, sections.get(outcome.name), environment, quick=quick)
    sections = dict(sorted(sections.items()))
    folder.mkdir(parents=True, exist_ok=True)
    data.write_text(json.dumps(sections, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    text.write_text(HEAD + "".join(section_markdown(section) for section in sections.values()))
    return data, text


def _section(outcome: Outcome, before: Json, environment: dict[str, str], *, quick: bool) -> Json:
    if outcome.table is None:
        kept = before if isinstance(before, dict) else {"title": outcome.title, "table": None}
        return {**kept, "error": outcome.error}
    return {"title": outcome.title, "quick": quick, "environment": dict(environment), "table": outcome.table.as_json()}


def section_markdown(section: Json) -> str:
    """One section: heading, table, notes, settings."""
    lines = ["", f"## {section['title']}", ""]
    if section.get("error"):
        lines += [f"**The last run failed:** {_line(section['error'])}", ""]
    if section.get("table"):
        table = section["table"]
        lines += [_row(table["columns"]), _row(["---"] * len(table["columns"]))]
        lines += [_row([show(_cell(cell)) for cell in row]) for row in table["rows"]]
        lines += ["", *(f"- {_line(note)}" for note in table["notes"])]
        lines += [
            f"- Settings: {'quick' if section['quick'] else 'full'}; "
            + "; ".join(f"{k} {v}" for k, v in section["environment"].items())
        ]
    return "\n".join(lines) + "\n"


def _cell(cell: Json) -> str | int | float | Estimate | None:
    if isinstance(cell, dict):
        return Estimate(float(cell["value"]), float(cell["low"]), float(cell["high"]), int(cell["digits"]))
    return cell


def _line(text: str) -> str:
    return " ".join(text.split())


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(_line(cell).replace("|", "\\|") for cell in cells) + " |"
