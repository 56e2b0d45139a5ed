"""The gallery: every script of examples/gallery is run, its figure and what it prints become a page.

Figures are kept in build/gallery as long as neither the script nor a source of foreknow has changed. Where
FOREKNOW_GALLERY_REUSE is set, sources may have changed: for writing pages.
"""

import ast
import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

SECTIONS = {
    "solve": "Solve",
    "simulate": "Simulate",
    "unroll": "Unroll",
    "inject": "Inject",
    "applications": "Applications",
}
HEAD = """# Gallery

One short script a concept; each runs in seconds and ends in the figure that it shows. `make test-all` runs them all.

"""
SECONDS = 300  # for one script, on a busy machine


@dataclass(frozen=True)
class Example:
    """One script.

    Attributes:
        path: of the script.
        title: the first line of its docstring.
        text: the rest of the docstring, Markdown.
        code: the rest of the script.
    """

    path: Path
    title: str
    text: str
    code: str

    @property
    def page(self) -> str:
        """Where its page is."""
        return f"gallery/{self.path.stem}.md"


def examples(folder: Path) -> dict[str, list[Example]]:
    """The scripts by section, in the order of `SECTIONS` and of their names."""
    return {section: [_read(path) for path in sorted((folder / section).glob("*.py"))] for section in SECTIONS}


def _read(path: Path) -> Example:
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    documentation = ast.get_docstring(tree)
    if not documentation or len(tree.body) < 2:
        message = f"{path} needs a docstring, a title and a text, before its code"
        raise PluginError(message)
    title, _, text = documentation.partition("\n")
    code = "\n".join(source.split("\n")[tree.body[0].end_lineno or 0 :]).strip()
    return Example(path, title.rstrip("."), text.strip(), code)


def on_config(config: Any, **_: Any) -> Any:
    """Fill the section of the navigation."""
    found = examples(Path(config.docs_dir).parent / "examples" / "gallery")
    listed = [{SECTIONS[name]: [{each.title: each.page} for each in members]} for name, members in found.items() if members]
    for entry in config.nav:
        if "Gallery" in entry:
            entry["Gallery"] = [{"All": "gallery/index.md"}, *listed]
    return config


def on_files(files: Any, config: Any, **_: Any) -> Any:
    """Run the scripts and make the pages."""
    root = Path(config.docs_dir).parent
    found = examples(root / "examples" / "gallery")
    kept = root / "build" / "gallery"
    kept.mkdir(parents=True, exist_ok=True)
    sources = _digest(*sorted((root / "src" / "foreknow").rglob("*.py")))
    with ThreadPoolExecutor(2) as pool:
        members = [each for section in found.values() for each in section]
        printed = dict(zip(members, pool.map(lambda each: _figure(each, kept, sources), members), strict=True))
    text = [HEAD]
    for section, scripts in found.items():
        if scripts:
            text.append(f'## {SECTIONS[section]}\n\n<div class="thumbnails" markdown>\n\n')
            text += [f"[![]({each.path.stem}.png){{ loading=lazy }} {each.title}]({each.path.stem}.md)\n\n" for each in scripts]
            text.append("</div>\n\n")
    files.append(File.generated(config, "gallery/index.md", content="".join(text)))
    for each, output in printed.items():
        script = each.path.relative_to(root).as_posix()
        content = (
            f"# {each.title}\n\n![{each.title}]({each.path.stem}.png)\n\n{each.text}\n\n```python\n{each.code}\n```\n\n"
            f"It prints:\n\n```text\n{output.strip()}\n```\n\n`python {script}` leaves the figure where it is called.\n"
        )
        files.append(File.generated(config, each.page, content=content))
        figure = kept / f"{each.path.stem}.png"
        files.append(File.generated(config, f"gallery/{figure.name}", abs_src_path=str(figure)))
    return files


def _digest(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _figure(example: Example, kept: Path, sources: str) -> str:
    """What the script prints, after its figure has been made or found to be up to date."""
    figure, printed, known = (kept / f"{example.path.stem}.{ending}" for ending in ("png", "txt", "key"))
    script = _digest(example.path)
    before = known.read_text(encoding="utf-8").split() if known.is_file() and figure.is_file() and printed.is_file() else []
    if before == [script, sources] or (before[:1] == [script] and os.environ.get("FOREKNOW_GALLERY_REUSE")):
        return printed.read_text(encoding="utf-8")
    known.unlink(missing_ok=True)
    environment = {**os.environ, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(example.path), str(figure)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=SECONDS)  # noqa: S603
    if done.returncode:
        message = f"{example.path} failed:\n{done.stderr[-2000:]}"
        raise PluginError(message)
    printed.write_text(done.stdout, encoding="utf-8")
    known.write_text(f"{script}\n{sources}\n", encoding="utf-8")
    return done.stdout
