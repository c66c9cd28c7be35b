"""Transfers, bonuses, points, adjustments, caps and whole-or-refused rollbacks on a database.

The database is a real one, and refuses some of them by itself.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import a_person
from tests.wallet_runtime.wallet.conftest import Player, turn_over
from wallet_runtime.wallet.domain import adjustments, bets, bonus, cash, points, rolling, transfers
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.records import BetClosed, Leg
from wallet_runtime.wallet.store.money import InvariantRefused
from wallet_runtime.wallet.store.reconciliation import Reconciliation

BET = {"provider_id": "mocksports", "bet_id": "b1"}
TAKE_BACK: dict[str, Any] = BET | {"with_winnings": True}
STAKES: dict[str, Any] = {"with_stakes": True}
ROLLBACK = bets.Rollback("mocksports", "b1")


def held(look: psycopg.Connection) -> dict[str, int]:
    rows = look.execute(
        "SELECT account, balance FROM wallet.wallet_account WHERE balance <> 0"
    ).fetchall()
    return {account.removeprefix("RUBY_SPLIT_V1/"): balance for account, balance in rows}


def obligations(look: psycopg.Connection) -> list[Any]:
    return look.execute(
        "SELECT bucket_type_code, amount, cap, state FROM wallet.wallet_rolling_obligation ORDER"
        " BY state, bucket_type_code, amount"
    ).fetchall()


def deposit(player: Player, amount: int, bucket: str = "SPORTS_NORMAL") -> None:
    assert player.perform(cash.deposit, cash.Deposit(amount, "EUR", bucket))[0] == 200


def authorize(player: Player, stake: int, bet: str = "b1") -> None:
    command = bets.Authorize("mocksports", "SPORTS", bet, "r1", stake, "EUR")
    assert player.perform(bets.authorize, command, provider_id="mocksports", bet_id=bet)[0] == 200


def settle(player: Player, payout: str, bet: str = "b1") -> None:
    assert (
        player.perform(
            bets.settle,
            bets.Settle("mocksports", bet, payout),
            provider_id="mocksports",
            bet_id=bet,
        )[0]
        == 200
    )


def code(answer: tuple[int, dict[str, Any]]) -> tuple[int, str | None]:
    return answer[0], answer[1].get("code")


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


# --- rollback of a settled bet: whole or refused, with a finding


def settled_winner(player: Player) -> None:
    """A bet of 100 from SPORTS_NORMAL, settled with 250 that lie there."""
    deposit(player, 100)
    authorize(player, 100)
    settle(player, "2.50")


def test_whole_winnings_are_taken_back(player: Player, look: psycopg.Connection) -> None:
    settled_winner(player)
    deposit(player, 70)
    authorize(player, 70, "b2")
    assert player.perform(bets.rollback, ROLLBACK, **TAKE_BACK)[0] == 200
    assert held(look) == {"SPORTS_NORMAL": 100}


def spend(player: Player) -> None:
    authorize(player, 1, "b2")


def lose(player: Player) -> None:
    authorize(player, 250, "b2")
    settle(player, "0", "b2")


def release(player: Player, look: psycopg.Connection) -> None:
    (rolling_id,) = look.execute(
        "SELECT rolling_id::text FROM wallet.wallet_rolling_obligation"
    ).fetchone()  # type: ignore[misc]
    turn_over(look)
    player.perform(rolling.complete, rolling.Complete(rolling_id), rolling_id=rolling_id)


@pytest.mark.parametrize("how", ["spent", "lost", "released", "transferred"])
def test_winnings_that_have_gone_are_refused_although_other_money_came_in(
    player: Player, look: psycopg.Connection, how: str
) -> None:
    settled_winner(player)
    if how == "released":
        release(player, look)
    elif how == "transferred":
        player.perform(
            transfers.transfer,
            transfers.Transfer("SPORTS_NORMAL", "CASINO_NORMAL", 1, "EUR"),
            **STAKES,
        )
    else:
        (spend if how == "spent" else lose)(player)
    deposit(player, 10_000)
    before = held(look)
    for _ in range(2):
        assert code(player.perform(bets.rollback, ROLLBACK, **TAKE_BACK)) == (409, "WINNINGS_SPENT")
    assert held(look) == before
    assert look.execute(
        "SELECT kind, status, details->>'bet_id' FROM wallet.wallet_finding"
    ).fetchall() == [("ROLLBACK_REFUSED", "OPEN", "b1")]


def test_a_bet_that_was_rolled_back_since_has_not_spent_the_winnings(
    player: Player, look: psycopg.Connection
) -> None:
    settled_winner(player)
    authorize(player, 200, "b2")
    player.perform(
        bets.rollback,
        bets.Rollback("mocksports", "b2"),
        provider_id="mocksports",
        bet_id="b2",
        with_winnings=True,
    )
    assert player.perform(bets.rollback, ROLLBACK, **TAKE_BACK)[0] == 200
    assert held(look) == {"SPORTS_NORMAL": 100}


def test_two_winners_are_taken_back_one_after_the_other(
    player: Player, look: psycopg.Connection
) -> None:
    settled_winner(player)
    authorize(player, 50, "b2")
    settle(player, "1.00", "b2")
    assert held(look) == {"SPORTS_NORMAL": 300}
    second = player.perform(
        bets.rollback,
        bets.Rollback("mocksports", "b2"),
        provider_id="mocksports",
        bet_id="b2",
        with_winnings=True,
    )
    assert second[0] == 200
    assert player.perform(bets.rollback, ROLLBACK, **TAKE_BACK)[0] == 200
    assert held(look) == {"SPORTS_NORMAL": 100}


# --- bonuses


def issue(player: Player, amount: int = 100, **more: Any) -> str:
    status, answer = player.perform(
        bonus.issue, bonus.Issue("SPORTS_BONUS", amount, "EUR", f"campaign-{player.count}", **more)
    )
    assert status == 200
    return str(answer["bonus_id"])


def test_a_bonus_goes_and_comes_back(player: Player, look: psycopg.Connection) -> None:
    name = issue(player)
    assert obligations(look) == [("SPORTS_BONUS", 100, None, "ACTIVE")]
    for _ in range(2):
        assert player.perform(bonus.reverse, bonus.End(name), bonus_id=name, **STAKES)[0] == 200
    assert held(look) == {}
    assert obligations(look) == [("SPORTS_BONUS", 100, None, "CANCELED")]
    assert look.execute("SELECT state FROM wallet.wallet_bonus").fetchall() == [("REVERSED",)]
    assert look.execute(
        "SELECT sum(delta)::bigint FROM wallet.wallet_counter_entry WHERE account = 'PROMO'"
    ).fetchone() == (0,)


def test_a_spent_bonus_is_not_reversed_although_another_filled_the_bucket(
    player: Player, look: psycopg.Connection
) -> None:
    first = issue(player)
    authorize(player, 60)
    assert code(player.perform(bonus.reverse, bonus.End(first), bonus_id=first, **STAKES)) == (
        409,
        "OPEN_STAKES",
    )
    settle(player, "0")
    second = issue(player, 500)
    assert code(player.perform(bonus.reverse, bonus.End(first), bonus_id=first, **STAKES)) == (
        409,
        "BONUS_SPENT",
    )
    assert player.perform(bonus.reverse, bonus.End(second), bonus_id=second, **STAKES)[0] == 200
    assert held(look) == {"SPORTS_BONUS": 40}
    assert (
        player.perform(bonus.expire, bonus.End(first), bonus_id=first, **STAKES)[1]["taken_back"]
        == "0.40"
    )
    assert held(look) == {}


def test_a_completed_bonus_is_released_up_to_its_cap(
    player: Player, look: psycopg.Connection
) -> None:
    name = issue(player, 100, max_release=80)
    release(player, look)
    assert held(look) == {"WITHDRAWABLE": 80}
    assert look.execute("SELECT state FROM wallet.wallet_bonus").fetchall() == [("COMPLETED",)]
    assert code(player.perform(bonus.reverse, bonus.End(name), bonus_id=name, **STAKES)) == (
        409,
        "BONUS_NOT_OPEN",
    )


def test_caps_of_two_bonuses_add_up(player: Player, look: psycopg.Connection) -> None:
    issue(player, 100, max_release=80)
    issue(player, 200, max_release=150)
    for _ in range(2):
        (rolling_id,) = look.execute(  # type: ignore[misc]
            "SELECT rolling_id::text FROM wallet.wallet_rolling_obligation WHERE state = 'ACTIVE'"
            " ORDER BY amount"
        ).fetchone()
        turn_over(look)
        player.perform(rolling.complete, rolling.Complete(rolling_id), rolling_id=rolling_id)
    assert held(look) == {"WITHDRAWABLE": 230}


def test_a_lapsed_rolling_ends_its_bonus(player: Player, look: psycopg.Connection) -> None:
    issue(player)
    (rolling_id,) = look.execute(
        "SELECT rolling_id::text FROM wallet.wallet_rolling_obligation"
    ).fetchone()  # type: ignore[misc]
    answer = player.perform(
        rolling.close, rolling.Close(rolling_id, "EXPIRED"), rolling_id=rolling_id, **STAKES
    )
    assert answer[1]["taken_back"] == "1.00"
    assert held(look) == {} and look.execute(
        "SELECT state FROM wallet.wallet_bonus"
    ).fetchall() == [("EXPIRED",)]


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
    """Send a decision that no rule would make; return what the database says of it."""

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


# --- all of it together


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
