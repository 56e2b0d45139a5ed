"""One page of the reference for every public package, those whose `__init__` says `__all__`, and a few modules."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

MODULES = ("model", "problem", "noise", "parameters", "errors")
ORDER = (
    "foreknow",
    "model",
    "problem",
    "noise",
    "parameters",
    "operators",
    "priors",
    "solve",
    "simulate",
    "unroll",
    "inject",
    "learn",
    "files",
    "report",
    "lung",
    "angiography",
    "cytology",
    "swallow",
    "errors",
)
HIDDEN = {"foreknow.cli"}  # its reference is --help
HEAD = """# Reference

Every public name, from its docstring. The first table is the floors of the house from below; imports go down only.

| package | what it is |
|---|---|
"""


def packages(source: Path) -> list[str]:
    """Full names of all that gets a page, from the lowest floor to the applications."""
    names = [f"foreknow.{name}" for name in MODULES]
    for init in (source / "foreknow").rglob("__init__.py"):
        name = ".".join(init.parent.relative_to(source).parts)
        if name not in HIDDEN and "__all__ = [" in init.read_text(encoding="utf-8"):
            names.append(name)
    return sorted(names, key=_place)


def _place(name: str) -> tuple[int, str]:
    first = name.split(".")[1] if "." in name else name
    return (ORDER.index(first) if first in ORDER else len(ORDER), name)


def _summary(source: Path, name: str) -> str:
    path = source / Path(*name.split("."))
    text = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")
    found = re.match(r'r?"""(.*?)(?:\n\n|""")', text, flags=re.DOTALL)
    return " ".join(found[1].split()).removeprefix("foreknow: ") if found else ""


def on_config(config: Any, **_: Any) -> Any:
    """Fill the section of the navigation."""
    source = Path(config.docs_dir).parent / "src"
    for entry in config.nav:
        if "Reference" in entry:
            listed = [{name.removeprefix("foreknow."): f"reference/{name}.md"} for name in packages(source)]
            entry["Reference"] = [{"All": "reference/index.md"}, *listed]
    return config


def on_files(files: Any, config: Any, **_: Any) -> Any:
    """Make the pages."""
    source = Path(config.docs_dir).parent / "src"
    names = packages(source)
    for name in names:
        text = f"# {name}\n\n::: {name}\n"
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    rows = "".join(f"| [`{name}`]({name}.md) | {_summary(source, name)} |\n" for name in names)
    files.append(File.generated(config, "reference/index.md", content=HEAD + rows))
    return files
