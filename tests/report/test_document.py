import base64
import io
import re
import subprocess
import sys
import wave
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from foreknow.errors import DataError, ForeknowError
from foreknow.report import Audio, Facts, Figure, Notice, Picture, Report, Section, Severity, Slides, Table, Text
from foreknow.report.blocks import as_text

HOSTILE = (
    "<script>alert('x')</script>\"' onerror=alert(1) {{ 1111*7 }} {% raw %} &amp; \u202e \x00\x1b[31m \udcff $\\frac{1}{0}$.wav"
)


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, and text."""

    void = frozenset({"meta", "img", "br", "link", "input"})

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.words = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []  # every element is closed, in order

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


def drawing():
    from matplotlib.figure import Figure as MatplotlibFigure

    figure = MatplotlibFigure(figsize=(3, 2))
    figure.subplots().plot([1, 2, 3])
    return figure


def full_report(name="a.wav", **options):
    sound = torch.sin(torch.arange(8000) / 5) / 2
    return Report(name, subtitle=name, generator=f"foreknow {name}", **options).add(
        Section(name, Text(name), Text(name, strong=True), Notice([name, name], Severity.ERROR, title=name)),
        Section("Facts", Facts({name: name, "number": 3.14159}), Facts({name: 3}, tiles=True)),
        Section("Sound", Audio(sound, 4000, name, full=name)),
        Section("Pictures", Figure(drawing(), alt=name, caption=name), Picture(b"<svg/>", name, name, "image/svg+xml")),
        Section("Film", Picture(b"film", name, name, "video/mp4")),
        Section("Slides", Slides([Picture(b"<svg/>", name, name, "image/svg+xml")] * 3, name, name)),
        Section("Table", Table([name, "b"], [[name, 1.5], ["x", None]], caption=name, limit=1, full=name)),
    )


def test_the_page_is_complete_well_formed_and_offline():
    page = Page(full_report().render())
    assert page.all("html") == [{"lang": "en"}]
    assert not [tag for tag, _ in page.tags if tag in {"script", "link", "iframe", "object", "form"}]
    for _, attributes in page.tags:
        for name in ("src", "href", "action", "srcset"):
            assert attributes.get(name, "#").startswith(("data:", "#"))
        assert not [name for name in attributes if name.startswith("on")]
    assert "url(" not in "".join(page.words)
    assert "@import" not in "".join(page.words)
    policy = next(meta["content"] for meta in page.all("meta") if "http-equiv" in meta)
    assert "default-src 'none'" in policy
    assert all(image["alt"] for image in page.all("img"))
    assert all(player["aria-label"] for player in page.all("audio") + page.all("video"))
    assert page.all("video")[0]["src"].startswith("data:video/mp4;base64,")
    assert "not a diagnosis" in page.text
    assert "3.142" in page.text


def test_hostile_names_are_text_wherever_they_stand():
    report = full_report(HOSTILE)
    text = report.render()
    page = Page(text)
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in Page(full_report("a.wav").render()).tags]
    assert "{{ 1111*7 }}" in page.text
    assert "7777" not in "".join(page.words)
    assert "<script>alert('x')</script>" in page.text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\ud800-\udfff]", text)
    text.encode("utf-8")
    for attributes in page.all("audio") + page.all("img"):
        assert set(attributes) <= {"controls", "preload", "src", "aria-label", "alt"}


def test_rendering_is_reproducible():
    assert full_report().render() == full_report().render()


def decoded(page):
    sounds = []
    for player in page.all("audio"):
        with wave.open(io.BytesIO(base64.b64decode(player["src"].split(",")[1]))) as file:
            sounds.append((file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767))
    return sounds


def test_sound_is_embedded_whole_and_unchanged_where_it_fits():
    sound = torch.rand(16000, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8
    page = Page(Report("r").add(Section("s", Audio(sound, 8000, "a"), Audio(sound[:4000], 4000, "b"))).render())
    (rate, first), (low_rate, second) = decoded(page)
    assert rate == 8000
    assert np.abs(first - sound.numpy()).max() < 1 / 32767
    assert low_rate == 8000  # raised: browsers play no less
    assert second.shape == (8000,)
    assert "embedded" not in page.text


def test_gain_is_said_and_clipped():
    page = Page(Report("r").add(Section("s", Audio(torch.full((8000,), 0.25), 8000, "a", gain=10.0))).render())
    assert decoded(page)[0][1].max() == 1
    assert "Played 20 dB louder than recorded." in page.text


@pytest.mark.parametrize("rate", [4000, 44100])
def test_long_sound_is_lowered_then_cut_and_the_page_says_so(rate):
    minutes = 20 if rate == 4000 else 4
    sounds = [Audio(torch.zeros(rate * 60 * minutes), rate, name, full=f"{name}.wav") for name in ("a", "b", "c")]
    text = Report("r", audio_bytes=3_000_000).add(Section("s", *sounds)).render()
    assert len(text) < 3_300_000
    page = Page(text)
    lengths = [(rate, len(sound) / rate) for rate, sound in decoded(page)]
    assert len(set(lengths)) == 1
    assert lengths[0][0] == 8000
    assert lengths[0][1] == pytest.approx(3_000_000 / (3 * 16000 * 4 / 3), rel=0.01)
    assert f"Only the first 47 s of {minutes}.0 min are embedded here (the whole is in a.wav)." in page.text
    lowered = Page(Report("r", audio_bytes=16000 * 2 * 15).add(Section("s", Audio(torch.zeros(441000), 44100, "a"))).render())
    assert decoded(lowered)[0][0] == 16000
    assert "embedded" not in lowered.text


def test_long_tables_are_cut_with_a_note_and_empty_ones_say_none():
    rows = [[index / 3, f"k{index}", None] for index in range(500)]
    page = Page(Report("r").add(Section("s", Table(["t", "kind", "x"], rows, full="events.csv", formats=(".2f", "", "")))).render())
    assert len(page.all("tr")) == 201
    assert "The first 200 of 500 rows are shown; all of them are in events.csv." in page.text
    assert "0.33" in page.text
    assert [cell.get("class") for cell in page.all("th")] == ["number", None, "number"]
    empty = Page(Report("r").add(Section("s", Table(["t", "kind"], []))).render())
    assert "none" in empty.text
    assert Table(["a"], [[1]]).note == ""


def test_blocks_that_make_no_sense():
    with pytest.raises(DataError, match="row of 1 cells"):
        Table(["a", "b"], [[1]])
    with pytest.raises(DataError, match="as many formats"):
        Table(["a", "b"], [[1, 2]], formats=(".1f",))
    for samples in (torch.zeros(0), torch.zeros(2, 2), torch.tensor([float("nan")])):
        with pytest.raises(DataError):
            Audio(samples, 8000, "a")


def test_values_as_text():
    assert [as_text(value) for value in (None, float("nan"), True, False, 3, -0.5, 123456.7, 1e-9, "x")] == [
        "–", "–", "yes", "no", "3", "−0.5", "123457", "1e-09", "x",
    ]  # fmt: skip
    assert as_text(-1.23456, ".2f") == "−1.23"


def test_no_notes_make_no_box():
    page = Page(Report("r", note="").add(Section("s", Notice([]))).render())
    assert not [attributes for attributes in page.all("div") if attributes.get("role") == "note"]
    assert "diagnosis" not in page.text


def test_missing_libraries_are_named(monkeypatch):
    from foreknow.report.sound import Track, sound_figure

    for library in ("jinja2", "matplotlib.figure", "soxr"):
        monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ForeknowError, match=r"matplotlib; install it with: pip install 'foreknow\[lung\]'"):
        sound_figure([Track("a", torch.zeros(10))], 4000)
    with pytest.raises(ForeknowError, match=r"jinja2; install it with: pip install 'foreknow\[lung\]'"):
        Report("r").render()


def test_importing_reports_imports_no_drawing_library_and_drawing_no_pyplot():
    code = (
        "import sys, torch, foreknow.report, foreknow.report.sound as sound; "
        "heavy = {'soundfile', 'soxr', 'matplotlib', 'jinja2', 'scipy'} & set(sys.modules); assert not heavy, heavy; "
        "figure = sound.sound_figure([sound.Track('a', torch.rand(8000))], 8000); foreknow.report.Figure(figure, 'a').uri; "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)  # noqa: S603
