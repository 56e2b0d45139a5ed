"""What makes pages into a site: formulas without scripts, docstrings taken literally, nothing from a network."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("mkdocs", reason="the extra docs is not installed: make docs")
pytest.importorskip("latex2mathml", reason="the extra docs is not installed: make docs")

from mkdocs.exceptions import PluginError

ROOT = Path(__file__).parents[1]


def hook(name):
    spec = importlib.util.spec_from_file_location(f"hook_{name}", ROOT / "docs" / "hooks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGE = SimpleNamespace(file=SimpleNamespace(src_uri="extend/prior.md"))


def test_formulas_become_mathml():
    content = hook("mathematics").on_page_content(r'<p>of <span class="arithmatex">\(x_i &lt; 2\)</span></p>', page=PAGE)
    assert "<math" in content
    assert "&lt;" in content or "&#x0003C;" in content
    assert "arithmatex" not in content


def test_a_command_that_is_not_understood_stops_the_build():
    with pytest.raises(PluginError, match=r"extend/prior.md.*nosuchthing"):
        hook("mathematics").on_page_content(r'<div class="arithmatex">\[\nosuchthing x\]</div>', page=PAGE)


@pytest.mark.parametrize(
    "loaded",
    [
        '<script src="https://example.org/a.js"></script>',
        "<script src=//example.org/a.js></script>",
        '<link rel="stylesheet" href="https://fonts.example.org/css">',
        '<img alt="" src="http://example.org/a.png">',
        "<style>@import url(https://example.org/a.css)</style>",
    ],
)
def test_what_a_page_would_load_from_a_network_stops_the_build(tmp_path, loaded):
    (tmp_path / "index.html").write_text(f"<html>{loaded}</html>", encoding="utf-8")
    with pytest.raises(PluginError, match=r"index.html"):
        hook("offline").on_post_build(SimpleNamespace(site_dir=tmp_path))


def test_links_to_read_are_no_loading(tmp_path):
    text = '<a href="https://example.org">there</a> <link rel="stylesheet" href="assets/style.css"> <img src="a.png">'
    (tmp_path / "index.html").write_text(text, encoding="utf-8")
    hook("offline").on_post_build(SimpleNamespace(site_dir=tmp_path))


def test_links_out_of_the_folder_lead_to_what_stands_for_them():
    links = hook("links")
    config = SimpleNamespace(docs_dir=ROOT / "docs")

    def rewritten(markdown):
        return links.on_page_markdown(markdown, page=PAGE, config=config)

    assert rewritten("[a](../../benchmarks/results.md)") == "[a](../benchmarks.md)"
    assert rewritten("[a](../../examples/gallery/solve/certified_solve.py)") == "[a](../gallery/certified_solve.md)"
    assert rewritten("[a](../solve.md)") == "[a](../solve.md)"
    assert rewritten("[a](../../CHANGELOG.md)").endswith("/CHANGELOG.md)")
    assert rewritten("[a](../../CHANGELOG.md)").startswith("[a](https://")
    with pytest.raises(PluginError, match="does not exist"):
        rewritten("[a](../../nothing.md)")


def test_docstrings_are_taken_literally():
    pytest.importorskip("griffe")
    literal = hook("docstrings").literal
    assert literal("of shape (*batch, x_i)") == r"of shape (\*batch, x\_i)"
    assert literal(r"of shape (\*batch)") == r"of shape (\*batch)"
    assert literal("Re<x, y> of `a*b`") == "Re&lt;x, y> of `a*b`"
    assert literal("Example:\n    >>> 2 * 3\n    6") == "Examples:\n    >>> 2 * 3\n    6"
    assert literal("    y_noisy: (*batch, n).") == r"    y_noisy: (\*batch, n)."


def test_pages_of_applications_take_their_places_when_they_exist(tmp_path):
    applications = hook("applications")
    assert applications.existing(tmp_path) == {}
    (tmp_path / "lung.md").touch()
    config = SimpleNamespace(docs_dir=tmp_path, nav=[{"A": "a.md"}, {"Applications": []}])
    assert applications.on_config(config).nav[1] == {"Applications": [{"Lung sounds": "lung.md"}]}
    (tmp_path / "lung.md").unlink()
    config = SimpleNamespace(docs_dir=tmp_path, nav=[{"A": "a.md"}, {"Applications": []}])
    assert applications.on_config(config).nav == [{"A": "a.md"}]


def test_every_application_and_every_public_package_has_its_place():
    names = hook("reference").packages(ROOT / "src")
    assert {"foreknow", "foreknow.operators", "foreknow.simulate.assimilation", "foreknow.model"} <= set(names)
    assert names.index("foreknow.operators") < names.index("foreknow.solve") < names.index("foreknow.lung")
    folders = {path.parents[1].name for path in (ROOT / "src" / "foreknow").glob("*/simulate/__init__.py")}
    assert folders <= set(hook("applications").TITLES)
