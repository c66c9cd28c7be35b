"""Fixture: a state home that every user can enter, such as PostgreSQL's own."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rubyops.config import HOME_VARIABLE


@pytest.fixture
def homes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="rubyops-home-"))
    os.chmod(folder, 0o711)
    monkeypatch.setenv(HOME_VARIABLE, str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
