import subprocess
import sys


def test_importing_files_imports_no_sound_library():
    code = (
        "import sys, foreknow.files; heavy = {'soundfile', 'soxr', 'matplotlib', 'jinja2', 'scipy'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603


def test_missing_libraries_are_named_with_the_command_that_installs_them(monkeypatch, tmp_path):
    import pytest
    import torch

    from foreknow.errors import ForeknowError
    from foreknow.files import read_audio, resample

    (tmp_path / "a.wav").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    monkeypatch.setitem(sys.modules, "soxr", None)
    with pytest.raises(ForeknowError, match=r"soundfile; install it with: pip install 'foreknow\[lung\]'"):
        read_audio(tmp_path / "a.wav")
    with pytest.raises(ForeknowError, match=r"soxr; install it with: pip install 'foreknow\[lung\]'"):
        resample(torch.zeros(10), 8000, 4000)
