"""The fields of each record match the columns of its query in name, order and type.

JSON output shows these names, so a new column must not get in unnoticed.
"""

from dataclasses import fields
from typing import Any

import msgspec
import psycopg
import pytest

import sql
from rubyops.views.activations import Activation
from rubyops.views.bets import OpenBet
from rubyops.views.dead_letters import DeadLetter
from rubyops.views.documents import SavedPolicy, SavedTopology
from rubyops.views.status import GateFacts, OutboxFacts
from rubyops.views.trace import Account, Event, LedgerRow, Rolling, Subject, TracedBet, Win
from tests.checks.money import BRAND, PLAYER, Money
from tests.cluster import TestDatabase

WHOSE = {"brand_id": BRAND, "player_id": PLAYER}
NEWEST = {**WHOSE, "limit": 10}
OF_PLAYER = {**NEWEST, "authorization_id": None}
RECORDS: tuple[tuple[type, str, dict[str, Any]], ...] = (
    (GateFacts, "facts_gate", {}),
    (OutboxFacts, "facts_outbox", {}),
    (OpenBet, "facts_open_bets", {"code": None, "version": None, "limit": 10}),
    (DeadLetter, "facts_dead_letters", {"dead_letter_id": None, "consumer": None, "limit": 10}),
    (SavedTopology, "facts_topologies", {}),
    (SavedPolicy, "facts_policies", {}),
    (Activation, "facts_activations", {}),
    (Subject, "ops_trace_subject", {"id": PLAYER}),
    (TracedBet, "ops_trace_bet", {}),
    (Account, "ops_trace_accounts", WHOSE),
    (LedgerRow, "ops_trace_ledger", OF_PLAYER),
    (Win, "ops_trace_wins", OF_PLAYER),
    (Rolling, "ops_trace_rollings", WHOSE),
    (Event, "ops_trace_events", NEWEST),
)
NOT_IN_THE_QUERY: dict[type, tuple[str, ...]] = {OutboxFacts: ("lag",)}
WITHOUT_ROWS = (Win, Rolling)
MALFORMED = (
    "INSERT INTO rolling.rolling_dead_letter (stream, entry_id, fields, reason, error, tries) "
    "VALUES ('s', '1-1', '{}', 'MALFORMED', 'no type', 1)"
)


@pytest.fixture
def database(money: Money) -> TestDatabase:
    """A platform with money and one malformed dead letter."""
    money.plant(MALFORMED)
    return money.database


@pytest.mark.parametrize(("record", "query", "values"), RECORDS)
def test_the_fields_are_the_columns(
    database: TestDatabase, record: type, query: str, values: dict[str, Any]
) -> None:
    with psycopg.connect(database.dsn("rubyops_read")) as connection:
        if record is TracedBet:
            values = {"id": _open_bet(connection)}
        cursor = connection.execute(sql.query(query), values)
        columns = [column.name for column in cursor.description or ()]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor]
    extra = NOT_IN_THE_QUERY.get(record, ())
    names = [part.name for part in fields(record)]
    assert names == [*columns, *extra]
    assert bool(rows) is (record not in WITHOUT_ROWS)
    for row in rows:
        msgspec.convert({**row, **dict.fromkeys(extra)}, record)


def _open_bet(connection: psycopg.Connection[Any]) -> str:
    query, values = "facts_open_bets", {"code": None, "version": None, "limit": 1}
    found = connection.execute(sql.query(query), values).fetchone()
    assert found is not None
    return str(found[0])
