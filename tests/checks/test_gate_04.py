"""GATE-4 fails and names each planted way to write money; it passes on a clean platform."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from checks.release import gate_04
from checks.release._shipped_functions import shipped
from checks.release._wallet_rights import CALLS, MONEY_TABLES, WRITES
from tests.checks import ways_by_code, ways_by_function, ways_by_right
from tests.checks.live import LiveRead
from tests.checks.money import Money
from tests.checks.ways import Way
from tests.cluster import TestDatabase

CASES = [
    pytest.param(item, id=item.name, marks=pytest.mark.alters_roles if item.undo else ())
    for item in (*ways_by_right.WAYS, *ways_by_function.WAYS, *ways_by_code.WAYS)
]
PARTITION = (
    "SELECT max(inhrelid::regclass::text) FROM pg_inherits "
    "WHERE inhparent = 'wallet.wallet_ledger'::regclass"
)
ONLY = "only wallet_service's apply path can write"


@contextmanager
def planted(database: TestDatabase, way: Way, partition: str) -> Iterator[None]:
    """Open a way to write money, and close it if it would outlive the test's database."""

    def run(statements: tuple[str, ...]) -> None:
        with psycopg.connect(database.superuser_dsn, autocommit=True) as connection:
            for statement in statements:
                connection.execute(named(statement, database, partition).encode())

    try:
        run(way.plant)
        yield
    finally:
        run(way.undo)


def named(text: str, database: TestDatabase, partition: str) -> str:
    return text.replace("{database}", database.name).replace("{partition}", partition)


def a_partition(database: TestDatabase) -> str:
    with psycopg.connect(database.superuser_dsn) as connection:
        row = connection.execute(PARTITION).fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize("way", CASES)
def test_each_way_is_found_and_named(platform_db: TestDatabase, way: Way) -> None:
    partition = a_partition(platform_db)
    with planted(platform_db, way, partition):
        finding = gate_04.run(LiveRead(databases={"platform": platform_db}))
    assert finding.status == "failed"
    samples = finding.details["samples"]
    assert isinstance(samples, list)
    assert any(named(way.words, platform_db, partition) in sample for sample in samples), samples


def test_a_clean_platform_with_money_is_not_flagged(read: LiveRead) -> None:
    finding = gate_04.audit(read)
    relations = finding.details["relations"]
    assert (finding.status, finding.summary) == (
        "ok",
        f"{ONLY} the {relations} tables of schema wallet",
    )


def test_a_clean_catalog_alone_decides_nothing(read: LiveRead) -> None:
    finding = gate_04.run(read)
    assert finding.status == "inconclusive"
    assert "is tried by: rubyops gate" in finding.summary


def test_without_a_movement_the_records_show_nothing(platform_db: TestDatabase) -> None:
    finding = gate_04.audit(LiveRead(databases={"platform": platform_db}))
    assert finding.status == "inconclusive"
    assert finding.summary.startswith(f"no movement to look at yet; {ONLY}")


def test_a_closed_month_is_not_flagged(money: Money, read: LiveRead) -> None:
    part = a_partition(money.database).partition(".")[2]
    money.plant(
        f"CREATE TRIGGER sealed BEFORE INSERT ON wallet.{part} FOR EACH ROW EXECUTE FUNCTION "
        f"wallet.refuse_change()",
        f"ALTER TABLE wallet.{part} ENABLE ALWAYS TRIGGER sealed",
    )
    assert gate_04.audit(read).ok


def test_statistics_of_tables_replace_no_view(money: Money, read: LiveRead) -> None:
    money.plant("ANALYZE")
    assert gate_04.audit(read).ok


def test_no_role_is_listed_as_a_writer_of_money() -> None:
    assert [entry for entry in WRITES if entry[2] in MONEY_TABLES] == []


def test_every_listed_call_is_a_function_of_the_migrations() -> None:
    listed = {f"wallet.{name}" for names in CALLS.values() for name in names}
    assert listed - set(shipped()) == set()
    assert all(function.as_owner for name in listed for function in shipped()[name])
