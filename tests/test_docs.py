"""The pages of the documentation: every example runs, every command and message that they name exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import typer

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
WITHOUT = "<!-- no python on this page -->"  # a page says so, or has examples


def name_of(page):
    return page.relative_to(DOCS).with_suffix("").as_posix()


@pytest.fixture(autouse=True)
def default_dtype():
    """A page may work in double precision; the next test does not."""
    before = torch.get_default_dtype()
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_examples_of_a_page_run(page, capsys):
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert bool(blocks) != (WITHOUT in text), f"{page.name} needs examples in python, or the line {WITHOUT}, and not both"
    if not blocks:
        pytest.skip("a page without examples")
    torch.manual_seed(0)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(page), "exec"), names)  # noqa: S102  (our own pages)
    assert capsys.readouterr().out


def command_lines():
    """Each call of foreknow in a block of a page, or in the README."""
    for page in [*PAGES, ROOT / "README.md"]:
        blocks = re.findall(r"```(?:console|bash|sh|shell)\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
            words = line.split("#")[0].split()
            words = words[1:] if words[:1] == ["$"] else words
            if words and words[0] in {"foreknow", ".venv/bin/foreknow"}:
                yield pytest.param(words[1:], id=f"{page.stem}: {' '.join(words[1:])}")


@pytest.mark.parametrize("words", list(command_lines()))
def test_the_commands_of_a_page_exist(words):
    from foreknow.cli.app import app

    command = typer.main.get_command(app)
    rest = list(words)
    while hasattr(command, "commands"):
        assert rest, "a group of commands is no command"
        assert rest[0] in command.commands, f"there is no command {rest[0]!r}; there are {sorted(command.commands)}"
        command = command.commands[rest.pop(0)]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)} | {
        "--help",
        "--debug",
    }
    assert not [word for word in rest if re.match(r"--?[a-z]", word) and word.split("=")[0] not in known]


@pytest.mark.slow
def test_the_tours_can_be_walked(tmp_path):
    lines = [line for line in command_lines() if line.id.startswith("tours:")]
    walked = [line.values[0] for line in lines if "results" not in line.values[0]]  # those are of a reader's own files
    assert len(walked) >= 7
    for words in walked:
        command = [sys.executable, "-c", "from foreknow.cli import main; main()", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)  # noqa: S603
        assert done.returncode == 0, (words, done.stdout[-1000:], done.stderr[-1000:])
    page = (DOCS / "tours.md").read_text(encoding="utf-8")
    for report in re.findall(r"Open `(.+?)`", page):
        assert (tmp_path / report).is_file(), report


def test_the_messages_of_the_page_of_questions_are_those_of_the_code():
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src" / "foreknow").rglob("*.py"))
    code = re.sub(r'"\s*\n\s*f?"', "", code)  # sentences that go over a line
    page = (DOCS / "questions.md").read_text(encoding="utf-8")
    messages = [message for line in re.findall(r"^`.+`$", page, flags=re.MULTILINE) for message in re.findall(r"`(.+?)`", line)]
    assert len(messages) > 20
    pieces = [piece.strip() for message in messages for piece in message.split("…")]
    missing = [piece for piece in pieces if len(piece) > 3 and piece.removeprefix("ConvergenceWarning:") not in code]
    assert not missing


def test_every_shipped_model_says_how_it_is_made():
    page = (DOCS / "reproduce.md").read_text(encoding="utf-8")
    models = [path.parent.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("model.json")]
    assert models
    unnamed = [folder for folder in models if f"`{folder}`" not in page]
    assert not unnamed, f"add the command that made {unnamed} to the table of docs/reproduce.md"
