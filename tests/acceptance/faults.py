"""Faults that a superuser plants in the money of a live platform; each ends with its block."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql as composed

from tests.acceptance.front_door import Player
from tests.acceptance.platform import Live

BUCKET = "SPORTS_NORMAL"
ACCOUNT = f"RUBY_SPLIT_V1/{BUCKET}"


@dataclass(frozen=True)
class Damage:
    """An account whose balance differs from its ledger, and the figures that a report must name."""

    player: Player
    expected: int
    actual: int
    last_good_version: int

    def names(self) -> tuple[str, ...]:
        """The texts that a report of the damage must contain."""
        return (
            f"brand {self.player.brand_id}",
            f"player {self.player.player_id}",
            ACCOUNT,
            f"expected {self.expected}",
            f"actual {self.actual}",
            f"last good version {self.last_good_version}",
        )


@contextmanager
def edited_balance(live: Live, player: Player) -> Iterator[Damage]:
    """Raise the player's balance by one unit without a ledger row."""
    tip = _tip(live, player)
    change = (
        "UPDATE wallet.wallet_bucket SET balance = balance + %s"
        " WHERE player_id = %s AND bucket_type_code = %s"
    )
    live.rows(change + " RETURNING balance", 1, player.player_id, BUCKET)
    try:
        yield Damage(player, tip["balance_after"], tip["balance_after"] + 1, tip["version"])
    finally:
        live.rows(change + " RETURNING balance", -1, player.player_id, BUCKET)


@contextmanager
def edited_ledger_row(live: Live, player: Player) -> Iterator[Damage]:
    """Add one unit to the newest ledger row of the player's bucket, past the ledger's triggers."""
    tip = _tip(live, player)
    _rewrite(live, player, tip, +1)
    try:
        yield Damage(player, tip["balance_after"] + 1, tip["balance_after"], tip["version"] - 1)
    finally:
        _rewrite(live, player, tip, -1)


def _tip(live: Live, player: Player) -> dict[str, Any]:
    rows = live.rows(
        "SELECT tableoid::regclass::text AS partition, version, balance_after "
        "FROM wallet.wallet_ledger WHERE player_id = %s AND account = %s "
        "ORDER BY version DESC LIMIT 1",
        player.player_id,
        ACCOUNT,
    )
    return rows[0]


def _rewrite(live: Live, player: Player, tip: dict[str, Any], units: int) -> None:
    schema, _, table = str(tip["partition"]).partition(".")
    partition = composed.Identifier(schema, table)
    with live.superuser() as connection, connection.transaction():
        _switch_guard(connection, partition, "DISABLE")
        change = composed.SQL(
            "UPDATE {} SET delta = delta + %s, balance_after = balance_after + %s"
        ).format(partition)
        where = composed.SQL(" WHERE player_id = %s AND account = %s AND version = %s")
        connection.execute(
            change + where, [units, units, player.player_id, ACCOUNT, tip["version"]]
        )
        _switch_guard(connection, partition, "ENABLE ALWAYS")


def _switch_guard(
    connection: psycopg.Connection[Any], partition: composed.Identifier, word: str
) -> None:
    connection.execute(
        composed.SQL("ALTER TABLE {} {} TRIGGER immutable_rows").format(
            partition, composed.SQL(word)
        )
    )
