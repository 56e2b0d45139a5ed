import json
from pathlib import Path

import pytest

from foreknow.files import atomic_path, display_name, write_json_atomic, write_text_atomic


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_only_when_it_is_complete(tmp_path):
    final = tmp_path / "new" / "folder" / "a.txt"
    with atomic_path(final) as temporary:
        assert temporary.parent == final.parent
        assert temporary.suffix == ".part"
        temporary.write_text("complete")
        assert not final.exists()
    assert final.read_text() == "complete"
    assert names(final.parent) == ["a.txt"]


def test_a_failing_write_leaves_the_old_file_and_no_litter(tmp_path):
    final = tmp_path / "a.txt"
    final.write_text("old")

    def fail():
        with atomic_path(final) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert final.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    final = tmp_path / "a.txt"
    final.write_text("old")
    with pytest.raises(OSError), atomic_path(final):  # noqa: PT011  (FileNotFoundError, whatever its words)
        pass
    assert final.read_text() == "old"


def test_the_longest_possible_name_can_be_written(tmp_path):
    final = tmp_path / ("n" * 251 + ".txt")
    write_text_atomic(final, "x")
    assert final.read_text() == "x"


def test_json_refuses_what_json_cannot_hold_and_keeps_the_old_file(tmp_path):
    final = tmp_path / "a.json"
    write_json_atomic(final, {"a": [1, 2.5, None, "é"]})
    for bad in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            write_json_atomic(final, {"a": bad})
    with pytest.raises(TypeError):
        write_json_atomic(final, {"a": object()})
    assert json.loads(final.read_text()) == {"a": [1, 2.5, None, "é"]}


def test_undecodable_file_names_can_be_written_and_shown(tmp_path):
    write_text_atomic(tmp_path / "a.txt", "name \udcff.wav\r\n")
    assert (tmp_path / "a.txt").read_bytes() == b"name \\udcff.wav\r\n"
    assert display_name(Path("a\nb\x1b[31m\udcff é.wav")) == "a\\nb\\x1b[31m\\udcff é.wav"
