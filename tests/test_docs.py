"""The pages of the documentation: every example runs, in the order of its page."""

import re
from pathlib import Path

import pytest
import torch

PAGES = sorted((Path(__file__).parents[1] / "docs").glob("*.md"))


@pytest.fixture(autouse=True)
def default_dtype():
    """A page may work in double precision; the next test does not."""
    before = torch.get_default_dtype()
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(page, capsys):
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert blocks
    torch.manual_seed(0)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(page), "exec"), names)  # noqa: S102  (our own pages)
    assert capsys.readouterr().out
