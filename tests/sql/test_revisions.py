"""A released revision never changes, and holds no views, triggers or grants."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import psycopg
import pytest

from rubyops.config import CHECKOUT
from rubyops.ports import Database
from sql import migrations
from tests.cluster import TestDatabase

DIGESTS = CHECKOUT / "tests" / "data" / "revisions.sha256"
ADVICE = (
    "A released revision never changes: databases that have it would not get the change. Take the "
    "change back and write a new revision, sql/migrations/<database>/NNNN_*.py with its "
    "statements. A revision that is new gets its lines in tests/data/revisions.sha256 "
    "(sha256sum FILE)."
)
# Indexes and constraints call these functions, so revisions create them. A change of one needs a
# new revision.
OF_TABLES = {"wallet.position", "wallet.person_name"}
UNVERSIONED = re.compile(
    r"^\s*(?:CREATE\b[^;(]*?\b(?:VIEW|TRIGGER|PROCEDURE)\b|GRANT\b(?!.*pg_)|ALTER FUNCTION\b).*$",
    re.MULTILINE,
)


def revision_files(folder: Path = migrations.FOLDER) -> Iterator[Path]:
    """Yield every file of every revision."""
    for which in get_args(Database):
        yield from sorted((folder / which).glob("[0-9]*_*.py"))
        yield from sorted((folder / which / "statements").glob("*.sql"))
    yield from sorted((folder / "templates").glob("*.sql"))


def changed_files(folder: Path = migrations.FOLDER) -> list[str]:
    """The revision files whose digest differs from the stored one, and missing files."""
    lines = [line.split("  ") for line in DIGESTS.read_text().splitlines()]
    kept = {name: digest for digest, name in lines}
    found = {
        f"sql/migrations/{path.relative_to(folder).as_posix()}": digest_of(path)
        for path in revision_files(folder)
    }
    return sorted(name for name in kept | found if kept.get(name) != found.get(name))


def digest_of(path: Path) -> str:
    """The sha256 of a file, as sha256sum prints it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_no_released_revision_has_changed() -> None:
    assert not changed_files(), f"changed: {', '.join(changed_files())}. {ADVICE}"


def test_an_edited_a_new_and_a_lost_revision_are_seen(tmp_path: Path) -> None:
    for path in revision_files():
        copy = tmp_path / path.relative_to(migrations.FOLDER)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    assert not changed_files(tmp_path)

    statements = tmp_path / "platform" / "statements"
    edited = statements / "0005_game.up.sql"
    edited.write_text(edited.read_text().replace("game_id     text", "game_id     uuid"))
    (statements / "0004_player.down.sql").unlink()
    (statements / "9999_more.up.sql").write_text("CREATE TABLE wallet.more ();\n")
    assert [Path(name).name for name in changed_files(tmp_path)] == [
        "0004_player.down.sql",
        "0005_game.up.sql",
        "9999_more.up.sql",
    ]


@pytest.mark.parametrize("which", get_args(Database))
def test_revisions_hold_no_definitions(which: Database) -> None:
    """Revisions hold no functions, views, triggers or grants, which the next release would drop."""
    for text in migrations.texts(which):
        assert UNVERSIONED.findall(text) == []
        assert set(re.findall(r"^CREATE FUNCTION (\S+?)\(", text, re.MULTILINE)) <= OF_TABLES


def test_only_functions_that_tables_call_are_of_a_revision(platform_db: TestDatabase) -> None:
    called = """
        SELECT DISTINCT p.pronamespace::regnamespace || '.' || p.proname
          FROM pg_depend d
          JOIN pg_proc p ON (d.refclassid, d.refobjid) = ('pg_proc'::regclass, p.oid)
         WHERE d.classid IN ('pg_class'::regclass, 'pg_constraint'::regclass,
                             'pg_attrdef'::regclass, 'pg_policy'::regclass)
           AND p.pronamespace::regnamespace::text !~ '^(pg_|information_schema)'
    """
    with psycopg.connect(platform_db.superuser_dsn) as connection:
        assert {row[0] for row in connection.execute(called.encode())} == OF_TABLES
