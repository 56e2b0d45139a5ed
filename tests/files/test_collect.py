import pytest

from foreknow.errors import InputFileError
from foreknow.files import collect_audio


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_files_and_folders_in_natural_order_once(tmp_path):
    touch(
        *(tmp_path / name for name in ("a/10.wav", "a/2.WAV", "a/b/1.flac", "a/notes.txt", "a/.hidden.wav", "a/._2.wav", "x.dat"))
    )
    found = collect_audio([tmp_path / "x.dat", tmp_path / "a", tmp_path / "a" / "2.WAV"])
    assert [file.path.name for file in found] == ["x.dat", "2.WAV", "10.wav", "1.flac"]
    assert [file.name for file in found] == ["x", "2", "10", "1"]


def test_names_of_results_are_distinct(tmp_path):
    touch(*(tmp_path / name for name in ("a/rec.wav", "b/rec.wav", "b/rec.flac", "b/REC.ogg", "c/b/rec.wav", "other.wav")))
    files = collect_audio([tmp_path])
    names = {str(file.path.relative_to(tmp_path)): file.name for file in files}
    assert len({name.casefold() for name in names.values()}) == 6
    assert names["other.wav"] == "other"
    assert names["b/rec.flac"] == "rec-flac"
    assert names["a/rec.wav"] == "a-rec"
    assert {names["b/rec.wav"], names["c/b/rec.wav"]} == {"b-rec-wav-1", "b-rec-wav-2"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("<img src=x onerror=alert(1)>.wav", "_img src=x onerror=alert(1)_"), ("a\nb.wav", "a_b"), ("-rf.wav", "rf"),
     ("CON.wav", "_CON"), ("...wav", "_"), ("é.wav", "é"), ("\udcff.wav", "_"), ("n" * 200 + ".wav", "n" * 100), ("a .wav", "a")],
)  # fmt: skip
def test_hostile_names_become_safe_names(tmp_path, name, expected):
    touch(tmp_path / name)
    assert collect_audio([tmp_path / name])[0].name == expected


def test_what_cannot_be_collected(tmp_path):
    touch(tmp_path / "empty" / "notes.txt")
    with pytest.raises(InputFileError, match="has no recordings in it"):
        collect_audio([tmp_path / "empty"])
    with pytest.raises(InputFileError, match="does not exist"):
        collect_audio([tmp_path / "missing"])
    with pytest.raises(InputFileError, match="no recordings were given"):
        collect_audio([])


def test_results_of_an_earlier_run_inside_the_folder_are_left_out(tmp_path):
    touch(tmp_path / "a.wav", tmp_path / "out" / "a" / "crackles.wav")
    assert [file.name for file in collect_audio([tmp_path], exclude=tmp_path / "out")] == ["a"]
    with pytest.raises(InputFileError):
        collect_audio([tmp_path / "out"], exclude=tmp_path / "out")
