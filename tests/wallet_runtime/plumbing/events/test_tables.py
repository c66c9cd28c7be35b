"""A missing table stops the start; a database that does not answer does not."""

import subprocess
import sys
from typing import Any

import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.conftest import AsRole
from tests.wallet_runtime.serving import NO_SERVER, REPOSITORY, environment_for, free_port
from wallet_runtime.contract.processes import WALLET_WORKER
from wallet_runtime.plumbing.events.tables import confirm_tables
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.plumbing.runtime.settings import SettingsError

TABLES = {
    "rolling_worker": ("rolling_consumer_tables", "rolling_outbox_tables"),
    "wallet_worker": ("wallet_outbox_tables",),
}


@pytest.mark.parametrize("role", TABLES)
def test_tables_that_are_there_are_no_fault(role: str, as_role: AsRole) -> None:
    for statement in TABLES[role]:
        confirm_tables(as_role(role), statement)


def test_a_missing_table_is_a_fault_of_the_settings(
    as_role: AsRole, superuser: psycopg.Connection[Any]
) -> None:
    superuser.execute("ALTER TABLE rolling.rolling_position RENAME TO elsewhere")
    with pytest.raises(SettingsError, match="rolling_position.*rubyops migrate"):
        confirm_tables(as_role("rolling_worker"), "rolling_consumer_tables")


@pytest.mark.fault
def test_a_database_that_is_away_says_nothing_of_its_tables() -> None:
    database = Database(NO_SERVER, "test").open()
    try:
        confirm_tables(database, "rolling_consumer_tables")
    finally:
        database.close()


def test_a_process_without_its_tables_ends_with_78(
    platform_db: TestDatabase, superuser: psycopg.Connection[Any]
) -> None:
    superuser.execute("ALTER TABLE wallet.wallet_outbox_partition RENAME TO elsewhere")
    process = subprocess.run(
        [sys.executable, "-m", "wallet_runtime", WALLET_WORKER],
        cwd=REPOSITORY,
        env=environment_for(WALLET_WORKER, free_port(), platform_db.dsn("wallet_worker")),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert process.returncode == 78
    assert "wallet_outbox_partition" in process.stderr and "Traceback" not in process.stderr
