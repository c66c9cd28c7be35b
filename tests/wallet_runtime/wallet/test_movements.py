"""Transfers, points, adjustments and withdrawals of a player, on a real database.

The database itself refuses commands that no rule would make.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import a_person
from tests.wallet_runtime.wallet.conftest import Player, turn_over
from tests.wallet_runtime.wallet.movements import (
    STAKES,
    authorize,
    code,
    deposit,
    held,
    issue,
    obligations,
    settle,
    settled_winner,
)
from wallet_runtime.wallet.domain import adjustments, cash, points, rolling, transfers
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.records import BetClosed, Leg
from wallet_runtime.wallet.store.reconciliation import Reconciliation
from wallet_runtime.wallet.store.refusals import InvariantRefused

# --- transfers


def test_a_transfer_moves_money_and_divides_what_it_owes(
    player: Player, look: psycopg.Connection
) -> None:
    deposit(player, 900)
    move = transfers.Transfer("SPORTS_NORMAL", "CASINO_NORMAL", 300, "EUR")
    assert player.perform(transfers.transfer, move, **STAKES)[0] == 200
    assert held(look) == {"SPORTS_NORMAL": 600, "CASINO_NORMAL": 300}
    assert obligations(look) == [
        ("CASINO_NORMAL", 300, None, "ACTIVE"),
        ("SPORTS_NORMAL", 600, None, "ACTIVE"),
    ]
    rest = transfers.Transfer("SPORTS_NORMAL", "CASINO_NORMAL", 600, "EUR")
    assert player.perform(transfers.transfer, rest, **STAKES)[0] == 200
    assert obligations(look) == [
        ("CASINO_NORMAL", 300, None, "ACTIVE"),
        ("CASINO_NORMAL", 600, None, "ACTIVE"),
    ]
    events = look.execute(
        "SELECT event_type, payload->'rollings'->0 FROM wallet.wallet_outbox WHERE event_type"
        " LIKE 'TRANSFER%'"
    ).fetchall()
    (_, part), (_, whole) = events
    assert part["rolling_id"] != part["becomes"] and whole["rolling_id"] == whole["becomes"]
    assert look.execute(
        "SELECT kind, amount FROM wallet.wallet_transfer WHERE kind = 'EDGE' ORDER BY amount"
    ).fetchall() == [
        ("EDGE", 300),
        ("EDGE", 600),
    ]


def test_staked_money_holds_its_bucket_until_the_bet_is_closed(
    player: Player, look: psycopg.Connection
) -> None:
    deposit(player, 900)
    authorize(player, 100)
    move = transfers.Transfer("SPORTS_NORMAL", "CASINO_NORMAL", 800, "EUR")
    assert code(player.perform(transfers.transfer, move, **STAKES)) == (409, "OPEN_STAKES")
    settle(player, "0")
    assert player.perform(transfers.transfer, move, **STAKES)[0] == 200
    assert held(look) == {"CASINO_NORMAL": 800}


def test_the_bucket_a_rolling_moved_to_is_released(
    player: Player, look: psycopg.Connection
) -> None:
    deposit(player, 900)
    player.perform(
        transfers.transfer,
        transfers.Transfer("SPORTS_NORMAL", "CASINO_NORMAL", 900, "EUR"),
        **STAKES,
    )
    (rolling_id,) = look.execute(
        "SELECT rolling_id::text FROM wallet.wallet_rolling_obligation"
    ).fetchone()  # type: ignore[misc]
    turn_over(look)
    assert (
        player.perform(rolling.complete, rolling.Complete(rolling_id), rolling_id=rolling_id)[1][
            "released"
        ]
        == "9.00"
    )
    assert held(look) == {"WITHDRAWABLE": 900}


# --- points


def test_points_are_conserved_apart_from_money(player: Player, look: psycopg.Connection) -> None:
    player.perform(points.award, points.Points(100, "mission"))
    assert (
        player.perform(points.transfer, points.PointsTransfer(60, "CASINO_NORMAL"))[1]["amount"]
        == "0.60"
    )
    assert player.perform(points.expire, points.Points(30, "year"))[0] == 200
    assert held(look) == {"POINTS": 10, "CASINO_NORMAL": 60}
    sums: dict[str, int] = dict(
        look.execute(
            "SELECT account, sum(delta)::bigint FROM wallet.wallet_counter_entry GROUP BY 1"
        ).fetchall()
    )
    assert sums == {"ISSUED": -100, "REDEEMED": 60, "EXPIRED": 30, "PROMO": -60}
    assert look.execute(
        "SELECT currency FROM wallet.wallet_bucket WHERE bucket_type_code = 'POINTS'"
    ).fetchall() == [("PTS",)]


def _forged(player: Player, *legs: Leg, **more: Any) -> str:
    """Send a decision that no rule would make; return the SQLSTATE of the database's refusal."""

    def forge(request: Any, command: Any, state: Any, pair: Any) -> Decision:
        return Decision(
            command="FORGED",
            status=200,
            body={},
            pair=pair.reference,
            starts_new=True,
            legs=legs,
            **more,
        )

    with pytest.raises(InvariantRefused) as refused:
        player.perform(forge, None)
    return str(refused.value.details["sqlstate"])


def test_the_database_itself_keeps_points_out_of_bets_and_cash(
    player: Player, look: psycopg.Connection
) -> None:
    player.perform(points.award, points.Points(100, "mission"))
    pocket = Leg("RUBY_SPLIT_V1/POINTS", -10, "PTS")
    assert _forged(player, pocket, Leg("STAKE", 10, "PTS")) == "RW003"
    assert _forged(player, pocket, Leg("CASH/AVAILABLE", 10, "PTS")) == "RW003"
    assert _forged(player, pocket, Leg("PSP", 10, "PTS")) == "23514"
    assert _forged(player, Leg("ISSUED", -10, "EUR"), Leg("CASH/AVAILABLE", 10, "EUR")) == "23514"
    assert held(look) == {"POINTS": 100}


def test_the_database_itself_wants_accounts_that_exist_and_bets_with_a_state(
    player: Player, look: psycopg.Connection
) -> None:
    player.perform(points.award, points.Points(100, "mission"))
    for account in ("CASH/XYZ", f"CASH/_{uuid4()}", f"GRANT/{uuid4()}", "RUBY_SPLIT_V1/NONE", "/"):
        assert _forged(player, Leg("HOUSE", -10, "EUR"), Leg(account, 10, "EUR")) == "RW003", (
            account
        )
    stateless: Any = BetClosed(str(uuid4()), "SETTLED", None)  # type: ignore[arg-type]
    moves = (Leg("HOUSE", -10, "EUR"), Leg("RUBY_SPLIT_V1/SPORTS_NORMAL", 10, "EUR"))
    assert _forged(player, *moves, authorization=stateless) == "RW003"
    assert held(look) == {"POINTS": 100}


# --- adjustments


def ask(player: Player, direction: Any, amount: int, account: str = "CASH/AVAILABLE") -> str:
    command = adjustments.Ask(account, direction, amount, "EUR", "found twice", a_person("ann"))
    return str(player.perform(adjustments.ask, command)[1]["adjustment_id"])


def test_an_adjustment_is_applied_once_by_another_person(
    player: Player, look: psycopg.Connection
) -> None:
    name = ask(player, "credit", 500)
    assert held(look) == {}
    for same in (a_person("ANN", "another"), a_person("bea", "token of ann")):
        with pytest.raises(adjustments.SamePerson):
            player.perform(adjustments.approve, adjustments.Decide(name, same), adjustment_id=name)
    with ThreadPoolExecutor(4) as pool:
        decide = adjustments.Decide(name, a_person("bob"))
        answers = list(
            pool.map(
                lambda _: player.perform(adjustments.approve, decide, adjustment_id=name)[0],
                range(4),
            )
        )
    assert answers == [200] * 4 and held(look) == {"CASH/AVAILABLE": 500}
    row = look.execute(
        "SELECT state, amount, reason, requested_by, decided_by FROM wallet.wallet_adjustment"
    ).fetchone()
    assert row == ("APPLIED", 500, "found twice", "ann", "bob")
    debit = ask(player, "debit", 501)
    assert code(
        player.perform(
            adjustments.approve, adjustments.Decide(debit, a_person("bob")), adjustment_id=debit
        )
    ) == (
        409,
        "INSUFFICIENT_FUNDS",
    )
    assert (
        player.perform(
            adjustments.reject, adjustments.Decide(debit, a_person("bob")), adjustment_id=debit
        )[0]
        == 200
    )


def test_the_database_itself_wants_two_persons_and_the_very_amount(
    player: Player, look: psycopg.Connection
) -> None:
    name = ask(player, "credit", 500)
    credit = (Leg("ADJ", -500, "EUR"), Leg("CASH/AVAILABLE", 500, "EUR"))
    bob = a_person("bob")
    apply = {
        "adjustment_id": name,
        "state": "APPLIED",
        "decided_by": bob.name,
        "decided_key": bob.key_id,
    }
    assert _forged(player, *credit) == "RW003"
    for same in ("Ann", "ann ", "Ａnn", "ann\t"):
        assert _forged(player, *credit, adjustment=apply | {"decided_by": same}) == "23514", same
    assert (
        _forged(player, *credit, adjustment=apply | {"decided_key": a_person("ann").key_id})
        == "23514"
    )
    assert (
        _forged(
            player, Leg("ADJ", -501, "EUR"), Leg("CASH/AVAILABLE", 501, "EUR"), adjustment=apply
        )
        == "RW003"
    )
    assert _forged(player, *credit, *credit, adjustment=apply) == "RW003"
    assert (
        _forged(player, *credit, adjustment=apply | {"adjustment_id": str(player.player_id)})
        == "RW003"
    )
    assert held(look) == {}


# --- withdrawals


def test_a_canceled_and_a_failed_payout_return_to_available(
    player: Player, look: psycopg.Connection
) -> None:
    player.perform(cash.deposit, cash.Deposit(1_000, "EUR"))
    for steps in ((cash.cancel,), (cash.approve, cash.fail_payout)):
        transaction = player.perform(cash.request_withdrawal, cash.Withdraw(400, "EUR"))[1][
            "transaction"
        ]["tx_id"]
        assert held(look) == {"CASH/AVAILABLE": 600, "CASH/PENDING": 400}
        for rule in steps:
            assert (
                player.perform(
                    rule, cash.Review(transaction, "x"), cash_transaction_id=transaction
                )[0]
                == 200
            )
        assert held(look) == {"CASH/AVAILABLE": 1_000}
    states = look.execute(
        "SELECT state FROM wallet.ledger_transactions WHERE type = 'withdrawal' ORDER BY state"
    ).fetchall()
    assert states == [("canceled",), ("payout_failed",)]


# --- all movements together


def test_reconciliation_finds_nothing_after_every_movement(player: Player, wallet: Any) -> None:
    settled_winner(player)
    issue(player, 100)
    player.perform(points.award, points.Points(100, "mission"))
    player.perform(points.transfer, points.PointsTransfer(60, "CASINO_NORMAL"))
    player.perform(
        transfers.transfer,
        transfers.Transfer("SPORTS_NORMAL", "CASINO_NORMAL", 10, "EUR"),
        **STAKES,
    )
    name = ask(player, "credit", 500)
    player.perform(
        adjustments.approve, adjustments.Decide(name, a_person("bob")), adjustment_id=name
    )
    cycle = Reconciliation(wallet).run("test")
    assert (cycle["drift_buckets"], cycle["conservation_breaks"]) == (0, 0)


@pytest.mark.parametrize("table", ["wallet_bonus", "wallet_adjustment"])
def test_no_service_writes_these_records_by_itself(platform_db: TestDatabase, table: str) -> None:
    with psycopg.connect(platform_db.dsn("wallet_service")) as connection:
        for statement in (
            f"DELETE FROM wallet.{table}",
            f"UPDATE wallet.{table} SET state = 'x'",
            f"INSERT INTO wallet.{table} DEFAULT VALUES",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(statement.encode())
