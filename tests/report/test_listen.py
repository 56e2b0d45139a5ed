"""Sounds that a reader zooms into: one script that the page allows by its hash, nothing else."""

import base64
import hashlib
import json
import re

import pytest
import torch

from foreknow.errors import DataError
from foreknow.report import Audio, Listen, Report, Section, Text
from foreknow.report.sound import Mark

HOSTILE = "<script>alert('x')</script>\"' onerror=alert(1)"


def sound(label="recording", count=8000, rate=4000):
    return Audio(torch.sin(torch.arange(count) / 5) / 2, rate, label)


def page(*blocks):
    return Report("Sounds").add(Section("Listen", *blocks)).render()


def test_the_script_is_allowed_by_its_hash_and_only_where_it_is_needed():
    text = page(Listen([sound(), sound("crackles")], [Mark(0.5, 0.51, "fine")]))
    (script,) = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert text.count("<audio") == 2
    assert "http" not in script
    assert "fetch" not in script
    plain = page(Text("nothing to hear"))
    assert "<script" not in plain
    assert "script-src" not in plain


def test_marks_and_names_are_data_and_text():
    text = page(Listen([sound(HOSTILE)], [Mark(0.25, 0.5, HOSTILE)], highest=1000.0, caption=HOSTILE))
    assert len(re.findall(r"<script", text)) == 1
    assert HOSTILE not in text
    block = Listen([sound()], [Mark(0.25, 0.5, "fine"), Mark(1.0, 1.1, "coarse")])
    rows = json.loads(block.data)
    assert [row[:2] for row in rows] == [[0.25, 0.5], [1.0, 1.1]]
    assert rows[0][2] == block.kinds["fine"] != block.kinds["coarse"]


def test_the_page_is_the_same_every_time():
    one, other = (page(Listen([sound()], [Mark(0.5, 0.51, "fine")])) for _ in range(2))
    assert one == other


def test_sounds_of_other_lengths_or_none_are_refused():
    with pytest.raises(DataError, match="one rate and length"):
        Listen([sound(), sound(count=4000)])
    with pytest.raises(DataError, match="one rate and length"):
        Listen([])
