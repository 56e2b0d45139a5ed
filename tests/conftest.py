"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings; a test that asks for it is skipped, with a reason, where the folder is absent.

    Looked for in ``$FOREKNOW_SHARED/data``, then in ``shared/data`` beside the repository. Mark such tests with ``data``.
    """
    named = os.environ.get("FOREKNOW_SHARED")
    folder = (Path(named) if named else Path(__file__).resolve().parents[2] / "shared") / "data"
    if not folder.is_dir():
        pytest.skip(f"no real recordings: {folder} is absent (set FOREKNOW_SHARED to the folder that holds data/)")
    return folder
