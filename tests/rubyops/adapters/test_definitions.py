"""`upgrade` brings any database to the definitions of the files, or changes nothing."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from checks.platform import migrations_current
from commands import migrate
from rubyops.adapters import migrations
from rubyops.errors import LockLost
from rubyops.model.step import NoOp, Planned
from rubyops.ports import Database
from sql import definitions
from tests.checks.live import LiveRead
from tests.cluster import TestDatabase
from tests.sql.described import described

PLATFORM: Database = "platform"
IDENTITIES = """
    SELECT p.oid::regprocedure::text, p.oid::bigint FROM pg_proc p
     WHERE p.pronamespace::regnamespace::text IN ('wallet', 'rolling') ORDER BY 1
"""
RECORD = "SELECT kind, digest FROM public.applied_definitions ORDER BY kind"
# An open transaction that has written to every table, as on a busy platform.
BUSY = """
    DO $$
    DECLARE
        name text;
    BEGIN
        FOR name IN SELECT c.oid::regclass FROM pg_class c
                     WHERE c.relnamespace::regnamespace::text IN ('wallet', 'rolling')
                       AND c.relkind IN ('r', 'p') LOOP
            EXECUTE format('LOCK TABLE %s IN ROW EXCLUSIVE MODE', name);
        END LOOP;
    END $$
"""
Change = Callable[[Path], None]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the definition files that the test can edit; `upgrade` applies the copy."""
    folder = tmp_path / "definitions"
    shutil.copytree(definitions.FOLDER, folder)
    monkeypatch.setattr(definitions, "FOLDER", folder)
    return folder / PLATFORM


def edit(path: Path, found: str, instead: str) -> None:
    """Replace a text that occurs exactly once in a file."""
    text = path.read_text()
    assert text.count(found) == 1, (path, found)
    path.write_text(text.replace(found, instead))


def without(path: Path, beginning: str) -> None:
    """Remove a statement and its comment from a file."""
    text = path.read_text()
    left, count = re.subn(
        rf"(?:--[^\n]*\n)*{re.escape(beginning)}.*?;\n(?=\n|\Z|CREATE|GRANT|--)",
        "",
        text,
        count=1,
        flags=re.DOTALL,
    )
    assert count == 1, (path, beginning)
    path.write_text(left)


def rows(database: TestDatabase, text: str) -> list[tuple[object, ...]]:
    with psycopg.connect(database.superuser_dsn) as connection:
        return connection.execute(text.encode()).fetchall()


def do(database: TestDatabase, text: str) -> None:
    with psycopg.connect(database.superuser_dsn) as connection:
        connection.execute(text.encode())


def upgrade(database: TestDatabase, token: int | None = None) -> tuple[str, ...]:
    return migrations.upgrade(database.superuser_dsn, PLATFORM, token=token)


def from_base(database: TestDatabase) -> list[str]:
    """The schema that the files make in an empty database."""
    migrations.downgrade(database.superuser_dsn, PLATFORM, "local")
    upgrade(database)
    return schema(database)


def schema(database: TestDatabase) -> list[str]:
    """The schema of a database without its connection rights, which a clone does not copy."""
    return [line for line in described(database.superuser_dsn) if not line.startswith("database |")]


# --- changes of files


def _a_body(files: Path) -> None:
    path = files / "wallet/functions/turnover.sql"
    edit(
        path,
        "greatest(0, t.open) FROM wallet.wallet_turnover",
        "t.open FROM wallet.wallet_turnover",
    )


def _a_new_function(files: Path) -> None:
    path = files / "rolling/functions.sql"
    path.write_text(
        path.read_text()
        + "\nCREATE OR REPLACE FUNCTION rolling.one() RETURNS integer LANGUAGE sql AS 'SELECT 1';\n"
    )


def _a_lost_function(files: Path) -> None:
    path = files / "wallet/functions/choices.sql"
    without(path, "CREATE OR REPLACE FUNCTION wallet.choose_source")
    edit(files / "wallet/grants.sql", "wallet.choose_source(jsonb), ", "")


def _another_parameter(files: Path) -> None:
    path = files / "wallet/functions/compare_records.sql"
    edit(
        path,
        "wallet.as_uuid(p_text text)",
        "wallet.as_uuid(p_text text, p_strict boolean DEFAULT true)",
    )
    edit(files / "wallet/grants.sql", "wallet.as_uuid(text)", "wallet.as_uuid(text, boolean)")


def _another_result(files: Path) -> None:
    path = files / "rolling/functions.sql"
    edit(
        path,
        "completion_ratio(p_brand uuid) RETURNS integer",
        "completion_ratio(p_brand uuid) RETURNS bigint",
    )


def _a_lost_view(files: Path) -> None:
    without(files / "wallet/views.sql", "CREATE OR REPLACE VIEW wallet.counter_drift")


def _a_view_with_other_columns(files: Path) -> None:
    path = files / "wallet/views.sql"
    edit(path, "sum(delta) AS difference, count(*) AS legs", "sum(delta) AS difference")


def _a_lost_trigger(files: Path) -> None:
    without(
        files / "game/triggers.sql",
        "CREATE OR REPLACE TRIGGER unsealed BEFORE INSERT OR UPDATE OR DELETE ON game.win",
    )


def _another_trigger(files: Path) -> None:
    edit(
        files / "rolling/triggers.sql",
        "seal BEFORE INSERT OR UPDATE ON rolling.rolling_turnover",
        "seal BEFORE INSERT ON rolling.rolling_turnover",
    )


def _a_lost_right(files: Path) -> None:
    edit(files / "game/grants.sql", "GRANT INSERT ON game.round TO game_service;\n", "")


def _a_new_right(files: Path) -> None:
    path = files / "admin/grants.sql"
    path.write_text(path.read_text() + "GRANT DELETE ON admin.command_audit TO admin_service;\n")


CHANGES: dict[Change, set[str]] = {
    _a_body: {"functions"},
    _a_new_function: {"functions"},
    _a_lost_function: {"functions", "grants"},
    _another_parameter: {"functions", "grants"},
    _another_result: {"functions", "grants", "triggers", "views"},
    _a_lost_view: {"views"},
    _a_view_with_other_columns: {"functions", "grants", "triggers", "views"},
    _a_lost_trigger: {"triggers"},
    _another_trigger: {"triggers"},
    _a_lost_right: {"grants"},
    _a_new_right: {"grants"},
}


def _name(value: object) -> str:
    return getattr(value, "__name__", "").strip("_")


@pytest.mark.parametrize(("change", "kinds"), CHANGES.items(), ids=_name)
def test_a_changed_file_leaves_what_it_would_make_of_nothing(
    platform_db: TestDatabase,
    control_db: TestDatabase,
    files: Path,
    change: Change,
    kinds: set[str],
) -> None:
    """A check reports each change of the files, and `upgrade` applies it without leftovers."""
    before = schema(platform_db)
    read = LiveRead(databases={"platform": platform_db, "control": control_db})
    assert migrations_current.run(read).ok
    assert isinstance(migrate.COMMAND.plan(migrate.Params(), read), NoOp)
    proved = str(migrations_current.schema_of(read, PLATFORM))

    change(files)
    assert "platform has other" in migrations_current.run(read).summary
    assert isinstance(migrate.COMMAND.plan(migrate.Params(), read), Planned)

    assert set(upgrade(platform_db)) == kinds
    assert migrations_current.run(read).ok
    assert upgrade(platform_db) == ()
    after = schema(platform_db)
    assert after != before
    # Changed definitions change the schema digest, so an older verification no longer counts (K18).
    assert str(migrations_current.schema_of(read, PLATFORM)) != proved
    assert after == from_base(platform_db)


def test_a_release_of_functions_waits_for_no_table_and_keeps_their_identity(
    platform_db: TestDatabase, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Functions are replaced in place, while a transaction holds locks on every table."""
    before = rows(platform_db, IDENTITIES)
    _a_body(files)
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "500ms")
    with psycopg.connect(platform_db.superuser_dsn) as busy:
        busy.execute(BUSY.encode())
        assert upgrade(platform_db) == ("functions",)
    assert rows(platform_db, IDENTITIES) == before


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("wallet/functions/events.sql", "CREATE OR REPLACE FUNCTION wallet.x() RETURNS y AS $$$$;"),
        (
            "wallet/functions/turnover.sql",
            "CREATE OR REPLACE FUNCTION wallet.x() RETURNS integer "
            "LANGUAGE sql AS $$ SELECT wallet.is_nowhere() $$;",
        ),
        ("wallet/views.sql", "CREATE OR REPLACE VIEW wallet.x AS SELECT * FROM wallet.is_nowhere;"),
        ("wallet/grants.sql", "GRANT SELECT ON wallet.wallet_ledger TO nobody_known;"),
    ],
    ids=_name,
)
def test_a_fault_in_any_file_leaves_everything_as_it_was(
    platform_db: TestDatabase, files: Path, name: str, fault: str
) -> None:
    before, record = schema(platform_db), rows(platform_db, RECORD)
    _a_lost_trigger(files)
    _a_body(files)
    path = files / name
    path.write_text(f"{path.read_text()}\n{fault}\n")
    with pytest.raises(psycopg.ProgrammingError):
        upgrade(platform_db)
    assert schema(platform_db) == before
    assert rows(platform_db, RECORD) == record


def test_an_overtaken_token_leaves_the_definitions_of_before(
    platform_db: TestDatabase, files: Path
) -> None:
    do(platform_db, "UPDATE wallet.wallet_gate SET fence_token = 8")
    before = schema(platform_db)
    _a_body(files)
    with pytest.raises(LockLost, match="fencing token 7 was overtaken"):
        upgrade(platform_db, token=7)
    assert schema(platform_db) == before
    assert upgrade(platform_db, token=8) == ("functions",)


def test_what_was_made_by_hand_goes_with_the_next_release(
    platform_db: TestDatabase, files: Path
) -> None:
    """`upgrade` removes rights, functions, views and triggers that no file defines."""
    do(platform_db, "GRANT INSERT, UPDATE (status) ON wallet.wallet_player TO gateway")
    do(
        platform_db,
        "CREATE FUNCTION wallet.by_hand() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN RETURN NEW; END'",
    )
    do(
        platform_db,
        "CREATE TRIGGER by_hand BEFORE UPDATE ON wallet.wallet_player "
        "FOR EACH ROW EXECUTE FUNCTION wallet.by_hand()",
    )
    do(platform_db, "CREATE VIEW wallet.by_hand AS SELECT wallet.as_uuid('x')")
    assert upgrade(platform_db) == ()

    for change in (_a_body, _another_trigger, _a_view_with_other_columns):
        change(files)
    upgrade(platform_db)
    left = schema(platform_db)
    assert not [line for line in left if "by_hand" in line]
    assert left == from_base(platform_db)


def test_a_month_keeps_its_triggers_whatever_the_files_say(
    platform_db: TestDatabase, files: Path
) -> None:
    """`upgrade` keeps the triggers of ledger partitions, which functions create."""
    (month,) = rows(platform_db, "SELECT min(partition) FROM wallet.ledger_month")[0]
    do(
        platform_db,
        f"CREATE TRIGGER sealed BEFORE INSERT ON wallet.{month} "
        "FOR EACH ROW EXECUTE FUNCTION wallet.refuse_change()",
    )
    guards = (
        f"SELECT tgname::text FROM pg_trigger WHERE tgrelid = 'wallet.{month}'::regclass ORDER BY 1"
    )
    _a_lost_trigger(files)
    assert upgrade(platform_db) == ("triggers",)
    assert rows(platform_db, guards) == [("immutable_rows",), ("immutable_table",), ("sealed",)]


def test_a_database_without_the_record_gets_everything(
    platform_db: TestDatabase, files: Path
) -> None:
    before = schema(platform_db)
    do(platform_db, "DROP TABLE public.applied_definitions")
    assert set(upgrade(platform_db)) == set(definitions.KINDS)
    assert schema(platform_db) == before
