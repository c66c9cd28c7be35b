"""The path of each money command on a real database.

The tests cover replays, races, freezes, fencing tokens, and the database's own refusals.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.freezing import set_fence_row
from tests.wallet_runtime.wallet.conftest import Player, turn_over
from wallet_runtime.plumbing.errors import Maintenance, PayloadMismatch
from wallet_runtime.plumbing.runtime.database import Database, DatabaseError
from wallet_runtime.wallet.domain import bets, cash, rolling
from wallet_runtime.wallet.store.activation import ActivationRequest, ActivePairMoved, RequestReused
from wallet_runtime.wallet.store.documents import Documents
from wallet_runtime.wallet.store.money import InFlight, money_of
from wallet_runtime.wallet.store.reconciliation import Reconciliation
from wallet_runtime.wallet.store.refusals import BalanceLimit, InvariantRefused

DEPOSIT = cash.Deposit(10_000, "EUR", "SPORTS_NORMAL")
BET = {"provider_id": "mocksports", "bet_id": "b1"}
AUTHORIZE = bets.Authorize("mocksports", "SPORTS", "b1", "r1", 4_000, "EUR")


def _held(look: psycopg.Connection) -> list[Any]:
    return look.execute(
        "SELECT account, balance, version FROM wallet.wallet_account ORDER BY 1"
    ).fetchall()


def test_a_replay_is_answered_as_before_and_moves_nothing(
    player: Player, look: psycopg.Connection
) -> None:
    first = player.perform(cash.deposit, DEPOSIT, request_id="same")
    before = _held(look)
    assert player.perform(cash.deposit, DEPOSIT, request_id="same") == first
    assert _held(look) == before


def test_another_payload_under_the_same_id_is_refused(
    player: Player, look: psycopg.Connection
) -> None:
    player.perform(cash.deposit, DEPOSIT, request_id="same")
    before = _held(look)
    with pytest.raises(PayloadMismatch):
        player.perform(cash.deposit, cash.Deposit(1, "EUR"), request_id="same", fingerprint="cd")
    assert _held(look) == before


def test_a_refusal_is_repeated_even_when_it_would_pass_now(player: Player) -> None:
    refused = player.perform(bets.authorize, AUTHORIZE, request_id="early", **BET)
    assert refused[1]["code"] == "INSUFFICIENT_FUNDS"
    player.perform(cash.deposit, DEPOSIT)
    assert player.perform(bets.authorize, AUTHORIZE, request_id="early", **BET) == refused


def test_fifty_twins_have_one_effect(player: Player, look: psycopg.Connection) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: player.perform(cash.deposit, DEPOSIT, request_id="twin"), range(50))
        )
    assert all(answer == answers[0] for answer in answers)
    assert look.execute("SELECT count(*) FROM wallet.ledger_transactions").fetchone() == (1,)


def test_parallel_bets_of_one_player_never_overdraw(
    player: Player, look: psycopg.Connection
) -> None:
    player.perform(cash.deposit, DEPOSIT)

    def bet(number: int) -> int:
        command = bets.Authorize("mocksports", "SPORTS", f"b{number}", "r1", 4_000, "EUR")
        return player.perform(
            bets.authorize,
            command,
            request_id=f"bet-{number}",
            provider_id="mocksports",
            bet_id=f"b{number}",
        )[0]

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(bet, range(6)))
    assert statuses == [200, 200, 409, 409, 409, 409]
    assert (
        dict((account, balance) for account, balance, _ in _held(look))[
            "RUBY_SPLIT_V1/SPORTS_NORMAL"
        ]
        == 2_000
    )


def test_a_twin_of_an_unfinished_request_is_told_so(
    player: Player, look: psycopg.Connection, wallet: Database
) -> None:
    with look.transaction():
        look.execute(CLAIM, [player.brand_id])
        with pytest.raises(InFlight):
            player.perform(cash.deposit, DEPOSIT, request_id="twin")


def test_ingress_stops_what_is_new_and_lets_what_is_open_end(
    player: Player, operator: psycopg.Connection
) -> None:
    player.perform(cash.deposit, DEPOSIT)
    player.perform(bets.authorize, AUTHORIZE, **BET)
    set_fence_row(operator, "ingress", 1)
    for rule, command, reads in (
        (cash.deposit, DEPOSIT, {}),
        (bets.authorize, AUTHORIZE, {"provider_id": "mocksports", "bet_id": "b2"}),
    ):
        with pytest.raises(Maintenance) as error:
            player.perform(rule, command, **reads)
        assert error.value.retry_after and error.value.details == {"freeze_level": "ingress"}
    assert player.perform(bets.settle, bets.Settle("mocksports", "b1", "1"), **BET)[0] == 200
    set_fence_row(operator, "sealed", 2)
    with pytest.raises(Maintenance):
        player.perform(bets.rollback, bets.Rollback("mocksports", "b1"), **BET)


def test_a_canary_pass_is_bound_to_its_player_run_and_time(
    player: Player, operator: psycopg.Connection, wallet: Database
) -> None:
    stranger = Player(player.money)
    set_fence_row(operator, "sealed", 1)
    soon = datetime.now(UTC) + timedelta(minutes=1)
    issue = "SELECT wallet.issue_canary_pass(%s, 'r-1', %s, %s, %s, %s)"
    for token, expires in (("good", soon), ("late", datetime.now(UTC) - timedelta(seconds=1))):
        operator.execute(
            issue, [sha256(token.encode()).digest(), 1, player.brand_id, player.player_id, expires]
        )
    assert player.perform(cash.deposit, DEPOSIT, canary_token="good")[0] == 200
    for who, token in ((player, "late"), (player, "none"), (stranger, "good")):
        with pytest.raises(Maintenance):
            who.perform(cash.deposit, DEPOSIT, canary_token=token)
    operator.execute("SELECT wallet.advance_fence(2)")
    with pytest.raises(Maintenance):
        player.perform(cash.deposit, DEPOSIT, canary_token="good")


def test_a_token_that_is_no_pass_is_refused_even_when_money_is_open(
    player: Player, look: psycopg.Connection
) -> None:
    with pytest.raises(Maintenance):
        player.perform(cash.deposit, DEPOSIT, canary_token="junk")
    assert _held(look) == []


def test_a_blocked_player_keeps_his_money_and_open_bets_still_end(
    player: Player, look: psycopg.Connection
) -> None:
    player.perform(cash.deposit, DEPOSIT)
    player.perform(cash.deposit, cash.Deposit(500, "EUR"))
    player.perform(bets.authorize, AUTHORIZE, **BET)
    look.execute("UPDATE wallet.wallet_player SET status = 'blocked'")
    for rule in (cash.to_cash, cash.request_withdrawal):
        assert player.perform(rule, cash.Withdraw(1, "EUR"))[1]["code"] == "PLAYER_BLOCKED"
    assert player.perform(bets.settle, bets.Settle("mocksports", "b1", "1"), **BET)[0] == 200


def test_a_player_is_never_in_points(wallet: Database, look: psycopg.Connection) -> None:
    with pytest.raises(DatabaseError, match="23514"):
        money_of(wallet).register(uuid4(), uuid4(), "PTS", False)


def test_a_balance_beyond_counting_is_refused_and_reconciliation_still_counts(
    player: Player, wallet: Database
) -> None:
    most = cash.Deposit(2**63 - 1, "EUR")
    assert player.perform(cash.deposit, most)[0] == 200
    with pytest.raises(BalanceLimit):
        player.perform(cash.deposit, cash.Deposit(1, "EUR"))
    other = Player(player.money)
    other.brand_id = player.brand_id
    other.money.register(other.brand_id, other.player_id, "EUR", True)
    assert other.perform(cash.deposit, most)[0] == 200
    assert Reconciliation(wallet).run("test")["conservation_breaks"] == 0


def test_an_overtaken_token_changes_nothing(
    operator: psycopg.Connection, look: psycopg.Connection
) -> None:
    operator.execute("SELECT wallet.advance_fence(7)")
    freezes = ("lower_freeze(1, 'open', 1, 0)", "lower_freeze(NULL, 'open', 1, 0)")
    for call in (*freezes, "advance_fence(6)", "backfill_batch('r', 1, NULL, 10)"):
        with pytest.raises(psycopg.errors.DatabaseError) as error:
            operator.execute(f"SELECT wallet.{call}".encode())
        assert error.value.sqlstate == "RB001"
    assert look.execute("SELECT freeze_level, fence_token FROM wallet.wallet_gate").fetchone() == (
        "open",
        7,
    )


def test_the_last_rolling_of_a_bucket_releases_it(player: Player, look: psycopg.Connection) -> None:
    player.perform(cash.deposit, DEPOSIT)
    player.perform(cash.deposit, DEPOSIT)
    ids = [
        str(row[0])
        for row in look.execute(
            "SELECT rolling_id FROM wallet.wallet_rolling_obligation ORDER BY created_at"
        )
    ]
    turn_over(look)
    first = player.perform(rolling.complete, rolling.Complete(ids[0]), rolling_id=ids[0])
    assert first[1]["released"] == "0.00"
    last = player.perform(rolling.complete, rolling.Complete(ids[1]), rolling_id=ids[1])
    assert last[1]["released"] == "200.00"
    assert (
        dict((account, balance) for account, balance, _ in _held(look))[
            "RUBY_SPLIT_V1/WITHDRAWABLE"
        ]
        == 20_000
    )


@pytest.mark.parametrize(
    "damage",
    [
        {"legs": [{"account": "CASH/AVAILABLE", "delta": 1, "currency": "EUR"}]},
        {
            "legs": [
                {"account": "PSP", "delta": -1, "currency": "EUR"},
                {"account": "STAKE", "delta": 1, "currency": "EUR"},
            ]
        },
        {
            "legs": [
                {"account": "PSP", "delta": 1, "currency": "EUR"},
                {"account": "CASH/AVAILABLE", "delta": -1, "currency": "EUR"},
            ]
        },
        {
            "legs": [
                {"account": "PSP", "delta": -1, "currency": "USD"},
                {"account": "CASH/AVAILABLE", "delta": 1, "currency": "USD"},
            ]
        },
        {
            "legs": [
                {"account": "PSP", "delta": -1, "currency": "EUR"},
                {"account": "NOWHERE/X", "delta": 1, "currency": "EUR"},
            ]
        },
        {
            "legs": [
                {"account": "PSP", "delta": -1, "currency": "EUR"},
                {"account": "RUBY_UNIFIED_V1/NORMAL", "delta": 1, "currency": "EUR"},
            ]
        },
    ],
    ids=[
        "not zero",
        "stake without a bet",
        "negative",
        "another currency",
        "no such bucket",
        "bucket of a draft",
    ],
)
def test_the_database_refuses_what_rules_must_never_decide(
    player: Player,
    look: psycopg.Connection,
    damage: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wrong(*arguments: Any) -> Any:
        import msgspec

        from wallet_runtime.wallet.domain.records import Leg

        return msgspec.structs.replace(
            cash.deposit(*arguments),
            legs=msgspec.convert(damage["legs"], tuple[Leg, ...]),
            events=(),
        )

    wrong.__name__ = "deposit"
    before = _held(look)
    with pytest.raises(InvariantRefused):
        player.perform(wrong, cash.Deposit(1, "EUR"))
    assert _held(look) == before
    assert look.execute("SELECT count(*) FROM wallet.wallet_idempotency").fetchone() == (0,)


CLAIM = """
INSERT INTO wallet.wallet_idempotency
VALUES (%s, 'test', 'deposit', 'twin', '\\xab', 200, '{}', gen_random_uuid())
"""


def _wish(version: int, start: int | None, request_id: str) -> ActivationRequest:
    code = None if start is None else "RUBY_SPLIT_V1"
    return ActivationRequest(
        "RUBY_SPLIT_V1", version, "default", version, code, start, "test", request_id
    )


def test_activation_is_idempotent_and_names_its_start(
    wallet: Database, player: Player, look: psycopg.Connection
) -> None:
    documents = Documents(wallet)
    player.perform(cash.deposit, DEPOSIT)
    first = documents.activate(_wish(2, 1, "up"))
    assert documents.activate(_wish(2, 1, "up"))["activation_no"] == first["activation_no"] == 2
    with pytest.raises(ActivePairMoved):
        documents.activate(_wish(1, 1, "late"))
    with pytest.raises(RequestReused):
        documents.activate(_wish(1, 2, "up"))
    assert documents.activate(_wish(2, 1, "again"))["changed"] is False
    documents.activate(_wish(1, 2, "back"))
    assert look.execute("SELECT count(*) FROM wallet.wallet_activation").fetchone() == (3,)
    states: dict[int, str] = dict(
        look.execute(
            "SELECT version, state FROM wallet.wallet_topology WHERE code = 'RUBY_SPLIT_V1'"
        )
    )
    assert states == {1: "ACTIVE", 2: "SUPERSEDED"}


def test_two_activations_at_once_have_one_winner(
    wallet: Database, look: psycopg.Connection
) -> None:
    documents = Documents(wallet)

    def activate(number: int) -> bool:
        try:
            return bool(documents.activate(_wish(2, 1, f"race-{number}"))["changed"])
        except ActivePairMoved:
            return False

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(activate, range(4))) == [False, False, False, True]


DRIFTS = (
    ("UPDATE wallet.wallet_bucket SET balance = balance + 1", "the balance differs"),
    (
        "UPDATE wallet.wallet_balances SET balance_real_available = balance_real_available + 1",
        "the balance differs",
    ),
    (
        "ALTER TABLE {p} DISABLE TRIGGER ALL; UPDATE {p} SET delta = delta + 1 WHERE version = 1",
        "ledger row 1 was changed",
    ),
    (
        "ALTER TABLE {p} DISABLE TRIGGER ALL; UPDATE {p} SET request_id = 'x' WHERE version = 2",
        "ledger row 2 was changed",
    ),
    (
        "ALTER TABLE {p} DISABLE TRIGGER ALL; DELETE FROM {p} WHERE version = 1",
        "the row before it is missing",
    ),
)


@pytest.mark.parametrize(
    ("damage", "reason"), DRIFTS, ids=[str(number) for number in range(len(DRIFTS))]
)
def test_a_superusers_edit_is_found_and_named(
    wallet: Database, player: Player, look: psycopg.Connection, damage: str, reason: str
) -> None:
    player.perform(cash.deposit, DEPOSIT)
    player.perform(cash.deposit, DEPOSIT)
    player.perform(cash.deposit, cash.Deposit(500, "EUR"))
    reconciliation = Reconciliation(wallet)
    assert reconciliation.run("test")["drift_buckets"] == 0
    partition = look.execute(
        "SELECT tableoid::regclass::text FROM wallet.wallet_ledger LIMIT 1"
    ).fetchone()
    assert partition is not None
    for statement in damage.format(p=partition[0]).split("; "):
        look.execute(statement.encode())
    found = reconciliation.run("test")
    assert found["drift_buckets"] >= 1
    assert reason in json.dumps(found["samples"]) and str(player.player_id) in json.dumps(
        found["samples"]
    )
