"""Fixture: a checkout and an environment with evidence, for each test."""

from pathlib import Path

import pytest

from tests.cluster import TestDatabase
from tests.rubyops.engine.journal.proofs import World


@pytest.fixture
def world(control_db: TestDatabase, tmp_path: Path) -> World:
    """A checkout and an environment for one test."""
    return World(control_db, tmp_path)
