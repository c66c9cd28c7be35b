"""Activations during money commands on a real database.

No money command fails because of an activation, or waits longer than the lock timeout.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.wallet.conftest import Player
from wallet_runtime.contract.money import CURRENCY_EXPONENTS
from wallet_runtime.contract.providers import PROVIDER_TYPES
from wallet_runtime.plumbing.errors import ApiError
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.domain import bets, cash
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.state import ActivePair, Request, State
from wallet_runtime.wallet.store.activation import (
    SWITCH_MILLISECONDS,
    ActivationRequest,
    ActivePairMoved,
)
from wallet_runtime.wallet.store.documents import Documents
from wallet_runtime.wallet.store.money import ATTEMPTS_MAX, money_of

CODE = "RUBY_SPLIT_V1"
DEPOSIT = cash.Deposit(10_000, "EUR", "SPORTS_NORMAL")
# The lock timeout of money commands. It is long enough for one switch of the active pair and its
# commit.
MONEY_WAITS_MILLISECONDS = 2 * SWITCH_MILLISECONDS
ACTIVATIONS = 100
ACTIVE = "SELECT topology_version, activation_no FROM wallet.wallet_gate"
GATE_HELD = (
    "SELECT count(*) FROM pg_locks WHERE relation = 'wallet.wallet_gate'::regclass AND mode ="
    " 'ExclusiveLock'"
)
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname ="
    " current_database() AND query LIKE %s"
)

# The statements of a money command that holds the gate's lock and has not committed. Other
# transactions, such as a validation, do not see its money yet.
MONEY_ON_ITS_WAY = """
LOCK TABLE wallet.wallet_gate IN ROW SHARE MODE;
INSERT INTO wallet.wallet_bucket (brand_id, player_id, topology_code, bucket_type_code, currency,
    balance)
VALUES (gen_random_uuid(), gen_random_uuid(), 'RUBY_SPLIT_V1', 'CASINO_NORMAL', 'EUR', 500);
"""


def _wish(version: int, start: int, name: str) -> ActivationRequest:
    return ActivationRequest(CODE, version, "default", version, CODE, start, "test", name)


def _flip(documents: Documents, number: int) -> None:
    """Activate version 2 for an even number, and version 1 for an odd number."""
    documents.activate(_wish(2 - number % 2, 1 + number % 2, f"flip-{number}"))


@contextmanager
def _held(platform_db: TestDatabase, statement: str) -> Iterator[None]:
    """Hold the locks of a statement while the block runs."""
    with psycopg.connect(platform_db.superuser_dsn) as holder:
        holder.execute(statement.encode())
        yield


def _await(look: psycopg.Connection, question: str, *values: object) -> None:
    until = time.monotonic() + 10
    while look.execute(question.encode(), values or None).fetchone() == (0,):
        assert time.monotonic() < until, f"never seen: {question}"
        time.sleep(0.002)


@pytest.fixture
def bounded(
    wallet: Database, platform_db: TestDatabase, look: psycopg.Connection
) -> Iterator[Database]:
    """The database as wallet_service, with a lock timeout of `MONEY_WAITS_MILLISECONDS`."""
    look.execute(
        (
            f"ALTER ROLE wallet_service IN DATABASE {platform_db.name}"
            f" SET lock_timeout = {MONEY_WAITS_MILLISECONDS}"
        ).encode()
    )
    database = Database(platform_db.dsn("wallet_service"), "bounded", pool_max=6).open()
    yield database
    database.close()


@pytest.mark.parametrize(
    ("kept", "seen", "held"),
    [
        (
            "LOCK TABLE wallet.wallet_gate IN ROW SHARE MODE",
            "%switch_active%",
            1,
        ),  # an open money command holds the gate
        (
            "SELECT FROM wallet.wallet_topology WHERE state = 'ACTIVE' FOR UPDATE",
            "%switch_active%",
            1,
        ),  # the switch waits for a lock
        (
            "LOCK TABLE wallet.wallet_policy IN ACCESS EXCLUSIVE MODE",
            "%wallet_policy%",
            0,
        ),  # the validation before the switch waits
    ],
)
def test_an_activation_that_gets_nowhere_keeps_no_money_waiting(
    wallet: Database,
    bounded: Database,
    platform_db: TestDatabase,
    look: psycopg.Connection,
    kept: str,
    seen: str,
    held: int,
) -> None:
    player = Player(money_of(bounded))
    assert player.perform(cash.deposit, DEPOSIT)[0] == 200
    activation = threading.Thread(target=_flip, args=[Documents(wallet), 0])
    with _held(platform_db, kept):
        activation.start()
        _await(look, WAITING, seen)
        assert held or look.execute(GATE_HELD.encode()).fetchone() == (0,)
        # The deposit succeeds while the activation is stuck. So the activation has released the
        # gate row, or does not hold it yet.
        assert player.perform(cash.deposit, DEPOSIT)[0] == 200
    activation.join(30)
    assert look.execute(ACTIVE.encode()).fetchone() == (2, 2)


def test_a_command_that_activations_overtake_again_and_again_is_still_carried_out(
    wallet: Database, look: psycopg.Connection
) -> None:
    """Retries because of an activation do not count toward the limit for BUSY."""
    player, documents, overtaken = Player(money_of(wallet)), Documents(wallet), list[int]()

    def overtaken_deposit(
        request: Request, command: cash.Deposit, state: State, pair: ActivePair
    ) -> Decision:
        decision = cash.deposit(request, command, state, pair)
        if len(overtaken) < 2 * ATTEMPTS_MAX:
            _flip(documents, len(overtaken))
            overtaken.append(pair.topology.version)
        return decision

    assert player.perform(overtaken_deposit, DEPOSIT)[0] == 200
    assert overtaken == [1, 2] * ATTEMPTS_MAX
    rows = look.execute(
        "SELECT count(*), max(delta) FROM wallet.wallet_ledger WHERE account ="
        " 'RUBY_SPLIT_V1/SPORTS_NORMAL'"
    ).fetchone()
    assert rows == (1, 10_000)


def test_activations_back_to_back_fail_no_bet(
    wallet: Database, bounded: Database, look: psycopg.Connection
) -> None:
    """Four players bet without pause during 100 activations, and no bet gets an error."""
    players = [Player(money_of(bounded)) for _ in range(4)]
    for player in players:
        player.perform(cash.deposit, cash.Deposit(1_000_000, "EUR", "SPORTS_NORMAL"))
    stop, failed, placed = threading.Event(), list[ApiError](), dict.fromkeys(players, 0)

    def play(player: Player) -> None:
        while not stop.is_set():
            bet = f"b{placed[player]}"
            command = bets.Authorize("mocksports", "SPORTS", bet, "r1", 1, "EUR")
            try:
                assert (
                    player.perform(bets.authorize, command, provider_id="mocksports", bet_id=bet)[0]
                    == 200
                )
            except ApiError as error:
                failed.append(error)
            placed[player] += 1

    threads = [threading.Thread(target=play, args=[player]) for player in players]
    for thread in threads:
        thread.start()
    try:
        for number in range(ACTIVATIONS):
            _flip(Documents(wallet), number)
        fewest = min(placed.values())
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    print(
        f"{sum(placed.values())} bets beside {ACTIVATIONS} activations,"
        f" no wait for a lock over {MONEY_WAITS_MILLISECONDS} ms"
    )
    assert not failed, (failed[0].code, failed[0].message)
    assert fewest > 0
    assert look.execute(ACTIVE.encode()).fetchone() == (1, 1 + ACTIVATIONS)
    by_version = look.execute(
        "SELECT topology_version, count(*) FROM wallet.wallet_bet_authorization GROUP BY 1"
    ).fetchall()
    assert sum(count for _, count in by_version) == sum(placed.values())
    assert {version for version, _ in by_version} == {1, 2}


def test_money_that_came_in_after_the_validation_is_not_stranded(
    wallet: Database, platform_db: TestDatabase, look: psycopg.Connection
) -> None:
    """The activation checks buckets again once it holds the gate row (A7-8).

    Money arrives in a bucket that the new version drops, after the first check.
    """
    documents, refused = Documents(wallet), list[ApiError]()
    gone = ("CASINO_BONUS", "SPORTS_BONUS", "CASINO_NORMAL")
    topology = documents.topology(CODE, 1) | {
        "version": 7,
        "transfer_edges": [],
        "points_targets": [],
    }
    topology["buckets"] = [bucket for bucket in topology["buckets"] if bucket["code"] not in gone]
    topology["buckets"][0]["provider_types"] = ["SPORTS"]
    topology["buckets"].append(
        {"code": "CASINO", "kind": "normal", "provider_types": ["LIVE", "SLOTS"]}
    )
    kept = [
        bucket["code"]
        for bucket in topology["buckets"]
        if bucket["kind"] in ("normal", "withdrawable")
    ]
    rule: dict[str, object] = {
        "mode": "combined",
        "max_bet_under_bonus": dict.fromkeys(CURRENCY_EXPONENTS, "none"),
    }
    policy = {
        "policy_key": "default",
        "version": 7,
        "topology": {"code": CODE, "version": 7},
        "funding": {
            kind: rule | {"sources": ["SPORTS_NORMAL" if kind == "SPORTS" else "CASINO"]}
            for kind in PROVIDER_TYPES
        },
        "destinations": {code: {"before": code, "after": code} for code in kept},
    }
    documents.save_topology(CODE, topology, "test")
    documents.save_policy("default", policy, "test")

    def activate() -> None:
        try:
            documents.activate(
                ActivationRequest(CODE, 7, "default", 7, CODE, 1, "test", "dropping")
            )
        except ApiError as error:
            refused.append(error)

    activation = threading.Thread(target=activate)
    with _held(platform_db, MONEY_ON_ITS_WAY):
        activation.start()
        _await(look, WAITING, "%switch_active%")
    activation.join(30)
    violations = refused[0].details["violations"]
    assert ("A7-8", "topology.buckets") in [
        (violation["rule"], violation["path"]) for violation in violations
    ]
    assert look.execute(ACTIVE.encode()).fetchone() == (1, 1)


def test_of_two_policies_activated_at_once_from_one_pair_one_wins(wallet: Database) -> None:
    documents = Documents(wallet)
    document = documents.policy_versions("default")[-1]["document"]
    for version in (8, 9):
        documents.save_policy("default", document | {"version": version}, "test")
    wishes = [
        ActivationRequest(
            CODE, 1, "default", version, CODE, 1, "test", f"policy-{version}", "default", 1
        )
        for version in (8, 9)
    ]
    started, won, lost = threading.Barrier(2), [], []

    def activate(wish: ActivationRequest) -> None:
        started.wait()
        try:
            won.append(documents.activate(wish)["policy_version"])
        except ActivePairMoved:
            lost.append(wish.policy_version)

    threads = [threading.Thread(target=activate, args=[wish]) for wish in wishes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), sorted(won + lost)) == (1, [8, 9])
    assert documents.gate()["policy_version"] == won[0]
