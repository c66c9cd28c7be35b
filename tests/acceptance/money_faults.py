"""Faults in the money of a live platform for the release gates; each ends with its block."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from uuid import uuid4

from tests.acceptance.faults import ACCOUNT, BUCKET
from tests.acceptance.front_door import Player
from tests.acceptance.gate_stage import Connection
from tests.acceptance.platform import Live
from tests.acceptance.recorded import Stage
from wallet_runtime.contract.processes import PLAYER_SERVICE


@contextmanager
def balances_that_cancel_out(stage: Stage) -> Iterator[None]:
    """Move one unit between two players of a brand without ledger rows.

    The totals of the brand stay the same.
    """
    other = _brand_mate(stage)
    assert stage.live.deposit(other, "10.00", BUCKET).status_code == 200
    change = (
        "UPDATE wallet.wallet_bucket SET balance = balance + %s"
        " WHERE player_id = %s AND bucket_type_code = %s"
    )

    def move(connection: Connection, units: int) -> None:
        connection.execute(change, [-units, stage.holder.player_id, BUCKET])
        connection.execute(change, [units, other.player_id, BUCKET])

    with closing(stage.live.superuser()) as connection:
        move(connection, 1)
        try:
            yield
        finally:
            move(connection, -1)


@contextmanager
def a_rewritten_ledger_row(stage: Stage) -> Iterator[None]:
    """Change the policy version in a ledger row.

    No amount changes, so only the hash chain shows the change.
    """
    change = (
        "UPDATE wallet.wallet_ledger SET policy_version = policy_version + %s"
        " WHERE player_id = %s AND account = %s AND version = 1"
    )

    def rewrite(versions: int) -> None:
        with unguarded(stage.live) as connection:
            connection.execute(change, [versions, stage.holder.player_id, ACCOUNT])

    rewrite(1)
    try:
        yield
    finally:
        rewrite(-1)


@contextmanager
def unbalanced_transactions(stage: Stage) -> Iterator[None]:
    """Take one unit from HOUSE in one transaction, and add one to HOUSE in another.

    Both transactions are unbalanced, but their sum is zero.
    """
    found = stage.live.rows(
        "SELECT transaction_id FROM wallet.wallet_counter_entry WHERE player_id = %s",
        stage.holder.player_id,
    )
    assert len(found) == 2
    with unguarded(stage.live) as connection:
        for row, delta in zip(found, (-1, 1), strict=True):
            connection.execute(
                "INSERT INTO wallet.wallet_counter_entry "
                "(transaction_id, brand_id, player_id, currency, account, delta, command, "
                "request_id, restore_epoch, created_at) "
                "SELECT transaction_id, brand_id, player_id, currency, 'HOUSE', %s, command, "
                "request_id, restore_epoch, created_at "
                "FROM wallet.wallet_counter_entry WHERE transaction_id = %s",
                [delta, row["transaction_id"]],
            )
    try:
        yield
    finally:
        with unguarded(stage.live) as connection:
            connection.execute(
                "DELETE FROM wallet.wallet_counter_entry"
                " WHERE account = 'HOUSE' AND player_id = %s",
                [stage.holder.player_id],
            )


@contextmanager
def movement_by_hand(stage: Stage) -> Iterator[None]:
    """Move money with correct legs, versions and hashes, but not through wallet_service."""
    transaction_id = str(uuid4())
    gate = stage.live.gate()
    command = {
        "brand_id": stage.holder.brand_id,
        "player_id": stage.holder.player_id,
        "currency": "EUR",
        "command": "DEPOSIT_APPROVE",
        "request_id": "by hand",
        "transaction_id": transaction_id,
        **{
            name: gate[name]
            for name in ("topology_code", "topology_version", "policy_key", "policy_version")
        },
        "legs": [
            {"account": "HOUSE", "delta": -100, "currency": "EUR"},
            {"account": ACCOUNT, "delta": 100, "currency": "EUR"},
        ],
    }
    with closing(stage.live.superuser()) as connection, connection.transaction():
        connection.execute("SET LOCAL search_path = wallet, pg_temp")
        connection.execute(
            "SELECT wallet.move_legs(jsonb_populate_record(NULL::wallet.command, %s::jsonb), 0)",
            [json.dumps(command)],
        )
    try:
        # The wallet folds its counters each minute. Fold them now, so that the fault looks the same
        # whether or not the wallet has folded.
        stage.live.rows("SELECT wallet.fold_counters()")
        yield
    finally:
        with unguarded(stage.live) as connection:
            connection.execute("UPDATE wallet.wallet_counter_fold SET restore_epoch = -1")
            for table in ("wallet.wallet_ledger", "wallet.wallet_counter_entry"):
                connection.execute(
                    f"DELETE FROM {table} WHERE transaction_id = %s".encode(), [transaction_id]
                )
            connection.execute(
                "UPDATE wallet.wallet_bucket b "
                "SET balance = l.balance_after, version = l.version, hash = l.hash "
                "FROM wallet.wallet_ledger l "
                "WHERE (l.player_id, l.account, l.version) "
                "= (b.player_id, b.account, b.version - 1) "
                "AND b.player_id = %s AND b.account = %s",
                [stage.holder.player_id, ACCOUNT],
            )
            # With another restore epoch, as after a restore, this fold computes all running sums
            # again.
            connection.execute("SELECT wallet.fold_counters()")


@contextmanager
def unguarded(live: Live) -> Iterator[Connection]:
    """A superuser's transaction in which the triggers that protect ledger rows are disabled."""
    with closing(live.superuser()) as connection, connection.transaction():
        tables = connection.execute(
            "SELECT inhrelid::regclass::text AS name FROM pg_inherits "
            "WHERE inhparent = 'wallet.wallet_ledger'::regclass "
            "UNION ALL SELECT 'wallet.wallet_counter_entry'"
        ).fetchall()
        for word in ("DISABLE", "ENABLE ALWAYS"):
            for table in tables:
                connection.execute(
                    f"ALTER TABLE {table['name']} {word} TRIGGER immutable_rows".encode()
                )
            if word == "DISABLE":
                yield connection


def _brand_mate(stage: Stage) -> Player:
    brand_id, player_id = stage.holder.brand_id, str(uuid4())
    body = {"brand_id": brand_id, "player_id": player_id, "currency": "EUR"}
    answer = stage.live.as_operator(
        PLAYER_SERVICE, "POST", "/internal/players", body, brand_id=brand_id
    )
    assert answer.status_code == 201, answer.text
    return Player(brand_id, player_id, answer.json()["session"])
