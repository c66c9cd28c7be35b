"""An upgraded database of the last release has exactly the schema of a new database."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from rubyops.adapters import migrations
from rubyops.adapters.local.servers import SUPERUSER
from rubyops.ports import Database
from sql import definitions
from sql.migrations import newest_revision
from tests.cluster import PASSWORD, Cluster
from tests.sql import last_release
from tests.sql.described import described

NEWEST = newest_revision("platform")
REVISION = '''"""A revision of the next release."""

from sql.migrations.apply import run_statements

revision = "{next}"
down_revision = "{newest}"


def upgrade() -> None:
    """Apply the change."""
    run_statements(__file__, "up")


def downgrade() -> None:
    """Take the change back."""
    run_statements(__file__, "down")
'''
# Views read the first column, a function that a view calls uses the second, and a trigger names the
# third.
UP = """
    ALTER TABLE wallet.wallet_bucket ALTER COLUMN version TYPE numeric;
    ALTER TABLE wallet.wallet_ledger RENAME COLUMN request_id TO asked_as;
    ALTER TABLE wallet.wallet_player ADD COLUMN note text NOT NULL DEFAULT '';
"""
DOWN = """
    ALTER TABLE wallet.wallet_player DROP COLUMN note;
    ALTER TABLE wallet.wallet_ledger RENAME COLUMN asked_as TO request_id;
    ALTER TABLE wallet.wallet_bucket ALTER COLUMN version TYPE bigint;
"""

Folders = tuple[Path, Path]
Make = Callable[[], str]


@pytest.fixture
def empty(platform_template: Cluster) -> Make:
    """A function that creates an empty database and returns its URL."""

    def make() -> str:
        name = platform_template.database_name("release")
        migrations.ensure_database(platform_template.superuser_dsn, name)
        return platform_template.postgres.dsn(SUPERUSER, PASSWORD, name)

    return make


@pytest.fixture
def last(tmp_path: Path) -> Folders:
    """The folders of the last release's revisions and definitions."""
    return last_release.unpack(tmp_path / "last")


def bring(dsn: str, which: Database, folders: Folders, patch: pytest.MonkeyPatch) -> None:
    """Migrate a database with the revisions and definitions of another checkout."""
    with patch.context() as other:
        other.setattr(migrations, "FOLDER", folders[0])
        other.setattr(definitions, "FOLDER", folders[1])
        migrations.upgrade(dsn, which)


@pytest.mark.parametrize("which", get_args(Database))
def test_up_from_the_last_release_is_up_from_base(
    which: Database, empty: Make, last: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = empty(), empty()
    bring(old, which, last, monkeypatch)
    migrations.upgrade(old, which)
    migrations.upgrade(new, which)
    assert described(old) == described(new)


@pytest.fixture
def following(tmp_path: Path) -> Folders:
    """A made-up next release, whose revision changes columns that this release's views use."""
    revisions, texts = tmp_path / "next" / "migrations", tmp_path / "next" / "definitions"
    shutil.copytree(migrations.FOLDER, revisions)
    shutil.copytree(definitions.FOLDER, texts)
    number = f"{int(NEWEST) + 1:04}"
    made = revisions / "platform" / f"{number}_next.py"
    made.write_text(REVISION.format(next=number, newest=NEWEST))
    statements = revisions / "platform" / "statements"
    (statements / f"{number}_next.up.sql").write_text(UP)
    (statements / f"{number}_next.down.sql").write_text(DOWN)
    views = texts / "platform" / "wallet" / "views.sql"
    views.write_text(views.read_text().replace("l.request_id", "l.asked_as"))
    triggers = texts / "platform" / "wallet" / "triggers.sql"
    seal = "status, canary, created_at\n"
    assert seal in triggers.read_text()
    triggers.write_text(triggers.read_text().replace(seal, "status, canary, created_at, note\n"))
    return revisions, texts


def test_a_revision_may_change_what_definitions_stand_on(
    empty: Make, following: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade drops all views and triggers before the revisions run, then creates them again."""
    old, new = empty(), empty()
    migrations.upgrade(old, "platform")
    before = described(old)
    bring(old, "platform", following, monkeypatch)
    bring(new, "platform", following, monkeypatch)
    assert described(old) == described(new) != before

    monkeypatch.setattr(migrations, "FOLDER", following[0])
    migrations.downgrade(old, "platform", "staging", NEWEST)
    monkeypatch.undo()
    migrations.upgrade(old, "platform")
    assert described(old) == before


def test_a_release_that_is_not_the_last_one_is_seen(
    empty: Make, following: Folders, last: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison finds an edited revision, which only new databases would get."""
    released = following[0] / "platform" / "statements"
    edited = (released / "0005_game.up.sql").read_text()
    (released / "0005_game.up.sql").write_text(
        edited.replace("game_id     text", "game_id     uuid")
    )
    old, new = empty(), empty()
    bring(old, "platform", last, monkeypatch)
    bring(old, "platform", following, monkeypatch)
    bring(new, "platform", following, monkeypatch)
    lost = set(described(old)) ^ set(described(new))
    assert [line for line in lost if "game.round" in line and "game_id" in line]
