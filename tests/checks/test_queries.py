"""Every query of the checks runs on an empty platform as the SELECT-only role."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

import sql
from tests.checks.live import LiveRead
from tests.cluster import TestDatabase

OWNED = ("checks", "grants", "grants_of_code", "reconciliation")
CONTROL = (
    "facts_copies_code",
    "facts_freeze",
    "facts_freeze_layers",
    "facts_platform_change",
    "facts_service_copies",
    "facts_verifications",
)
NOBODY = "00000000-0000-0000-0000-000000000000"
VALUES: dict[str, Any] = {
    "limit": 5,
    "code": None,
    "version": None,
    "older_seconds": 0.5,
    "tables": ["wallet_gate"],
    "harmless": ["AccessShareLock"],
    "guarded": [],
    "roles": ["public", "wallet_service"],
    "writers": ["wallet_owner"],
    "trusted": ["wallet_owner"],
    "known": ["wallet_service"],
    "owners": ["wallet_owner"],
    "parameters": ["session_replication_role"],
    "neighbours": ["rolling"],
    "known_writes": ["wallet_service INSERT wallet.wallet_reconciliation"],
    "triggers": [],
    "needed_triggers": [],
    "triggers_elsewhere": [],
    "shipped": ["wallet.apply_command"],
    "known_calls": ["wallet_service wallet.apply_command"],
    "platform_roles": ["wallet_service"],
    "authorization_id": NOBODY,
    "brand_id": NOBODY,
    "player_id": NOBODY,
    "topology_code": "X",
    "bucket_type_code": "Y",
    "points": "PTS",
    "settled_event": "S",
    "rolled_back_event": "R",
}


def _names() -> list[str]:
    folder = Path(sql.__file__).parent / "queries"
    return [
        line.split()[-1]
        for owner in OWNED
        for line in (folder / f"{owner}.sql").read_text().splitlines()
        if line.startswith("-- name: ")
    ]


def test_every_query_runs_as_the_reader(
    platform_db: TestDatabase, control_db: TestDatabase
) -> None:
    read = LiveRead(databases={"platform": platform_db, "control": control_db})
    for name in _names():
        read.rows(name, database="control" if name in CONTROL else "platform", **VALUES)


def test_the_reader_cannot_write(platform_db: TestDatabase) -> None:
    with (
        psycopg.connect(platform_db.dsn("rubyops_read")) as connection,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        connection.execute("UPDATE wallet.wallet_gate SET fence_token = 1")
