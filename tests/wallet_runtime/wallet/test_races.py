"""200 races of each kind between two copies of wallet_service on real PostgreSQL.

Every race must end legally, and each side must win some of the 200 races. Without the guard that
decides a race (player version, claim, gate row, activation number), the test must fail.
"""

from collections import Counter
from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.wallet.histories.planted import InSql
from tests.wallet_runtime.wallet.races import CALLERS, CODE, HEAD_STARTS, Race
from wallet_runtime.plumbing.runtime.database import DatabaseError
from wallet_runtime.wallet.domain import bets, cash

RACES = 200
PLANTED_RACES = 60
NORMAL = f"{CODE}/SPORTS_NORMAL"
BET = {"provider_id": "mocksports", "bet_id": "b1"}
APPLIED_UNDER = "SELECT policy_version FROM public.witness WHERE brand_id = %s"


@pytest.fixture
def race(platform_db: TestDatabase, look: psycopg.Connection) -> Iterator[Race]:
    """Two copies of the service, ready for races."""
    opened = Race(platform_db, look)
    yield opened
    opened.close()


def rollback_against_authorize(race: Race, number: int) -> str:
    """If the bet comes first, it is authorized and rolled back.

    If the rollback comes first, it leaves a tombstone, and the bet is refused.
    """
    racer = race.player(normal=5_000)
    command = bets.Authorize("mocksports", "SPORTS", "b1", "r1", 4_000, "EUR")
    authorize = racer.act(0, bets.authorize, command, "bet", **BET, without_debts=True)
    rollback = racer.act(
        1, bets.rollback, bets.Rollback("mocksports", "b1"), "back", **BET, with_winnings=True
    )
    answers = race.run(
        authorize, rollback, late=number % 2, by=HEAD_STARTS[number % len(HEAD_STARTS)]
    )
    assert racer.held() == {NORMAL: 5_000}
    if answers == [(200, "AUTHORIZED"), (200, "ROLLED_BACK")]:
        assert racer.bet()[0] == "ROLLED_BACK"
        return "bet first"
    assert answers == [(409, "BET_ALREADY_ROLLED_BACK"), (200, "TOMBSTONE")]
    assert racer.bet()[0] == "TOMBSTONE"
    return "rollback first"


def settle_against_rollback(race: Race, number: int) -> str:
    """In either order the bet ends rolled back, with the stake in its account.

    A settlement after the rollback is refused.
    """
    racer = race.player(normal=5_000)
    command = bets.Authorize("mocksports", "SPORTS", "b1", "r1", 4_000, "EUR")
    assert racer.act(0, bets.authorize, command, "bet", **BET, without_debts=True)() == (
        200,
        "AUTHORIZED",
    )
    settle = racer.act(0, bets.settle, bets.Settle("mocksports", "b1", "55"), "settle", **BET)
    rollback = racer.act(
        1, bets.rollback, bets.Rollback("mocksports", "b1"), "back", **BET, with_winnings=True
    )
    answers = race.run(settle, rollback, late=number % 2, by=HEAD_STARTS[number % len(HEAD_STARTS)])
    assert racer.held() == {NORMAL: 5_000}
    assert racer.bet()[0] == "ROLLED_BACK" and answers[1] == (200, "ROLLED_BACK")
    if racer.bet()[1] is None:
        assert answers[0] == (409, "BET_NOT_OPEN")
        return "rollback first"
    assert answers[0] == (200, "SETTLED")
    return "settlement first"


def two_activations(race: Race, number: int) -> str:
    """Both activations start from the same pair: one succeeds, the other gets ACTIVE_PAIR_MOVED."""
    assert race.active is not None
    first, second = sorted({1, 2, 3} - {race.active})
    acts = [
        lambda copy=copy, version=version: race.activate(copy, version, f"{number}-{copy}")
        for copy, version in enumerate((first, second))
    ]
    answers = race.run(*acts, late=number % 2, by=HEAD_STARTS[number % len(HEAD_STARTS)])
    assert sorted(answers)[1] == (409, "ACTIVE_PAIR_MOVED") and sorted(answers)[0][0] == 200, (
        answers
    )
    row = race.look.execute(
        "SELECT topology_version, policy_version FROM wallet.wallet_gate"
    ).fetchone()
    winner = int(min(answers)[1])
    assert row == (winner, winner)
    race.active = winner
    return f"copy {0 if winner == first else 1}"


def activation_against_bets(race: Race, number: int) -> str:
    """Each bet is written under the pair that decided it, before or after the activation."""
    assert race.active is not None
    before, after = (
        race.active,
        3 if race.active == 1 else 1,
    )  # versions 1 and 3 both combine sources
    racers = [race.player(normal=5_000) for _ in range(4)]
    command = bets.Authorize("mocksports", "SPORTS", "b1", "r1", 4_000, "EUR")
    acts = [
        racer.act(copy % 2, bets.authorize, command, "bet", **BET, without_debts=True)
        for copy, racer in enumerate(racers)
    ]
    late, by = (4 if number % 2 else -1), HEAD_STARTS[number % len(HEAD_STARTS)]
    answers = race.run(*acts, lambda: race.activate(0, after, f"a-{number}"), late=late, by=by)
    assert answers == [(200, "AUTHORIZED")] * 4 + [(200, str(after))]
    race.active = after
    seen = set()
    for racer in racers:
        applied = race.look.execute(APPLIED_UNDER, [racer.brand]).fetchone()
        assert racer.held() == {NORMAL: 1_000}
        assert applied is not None and applied[0] == racer.bet()[2], (
            "a bet decided under one pair was applied under another"
        )
        seen.add("bets first" if applied[0] == before else "activation first")
    return " and ".join(sorted(seen))


def one_request_from_fifty_callers(race: Race, number: int) -> str:
    """Fifty callers send one request: it has one effect, and all successes have the same answer.

    In every second race, the callers of one copy send another payload. Only one of the payloads may
    take effect.
    """
    racer = race.player()
    payloads = (100, 100 if number % 2 else 200)
    acts = [
        racer.act(
            caller % 2,
            cash.deposit,
            cash.Deposit(payloads[caller % 2], "EUR"),
            "same",
            f"{payloads[caller % 2]:04x}",
        )
        for caller in range(CALLERS)
    ]
    answers = Counter(race.run(*acts))
    refused = {status_code for status_code in answers if status_code[0] != 200}
    assert len(answers) - len(refused) == 1, answers
    allowed = {"IDEMPOTENCY_IN_FLIGHT"} | (
        {"IDEMPOTENCY_PAYLOAD_MISMATCH"} if number % 2 == 0 else set()
    )
    assert {code for _, code in refused} <= allowed, answers
    held = racer.held()
    assert held in ({"CASH/AVAILABLE": payloads[0]}, {"CASH/AVAILABLE": payloads[1]})
    count = race.look.execute(
        "SELECT count(*) FROM wallet.ledger_transactions WHERE tenant_id = %s", [racer.brand]
    ).fetchone()
    assert count == (1,)
    return "one payload" if number % 2 else f"copy {payloads.index(held['CASH/AVAILABLE'])}"


def two_withdrawals(race: Race, number: int) -> str:
    """The balance is enough for only one of the two withdrawals."""
    racer = race.player(available=1_000)
    acts = [
        racer.act(copy, cash.request_withdrawal, cash.Withdraw(800, "EUR"), f"out-{copy}")
        for copy in range(2)
    ]
    answers = race.run(*acts, late=number % 2, by=HEAD_STARTS[number % len(HEAD_STARTS)])
    assert sorted(status for status, _ in answers) == [200, 400], answers
    assert racer.held() == {"CASH/AVAILABLE": 200, "CASH/PENDING": 800}
    return f"copy {[status for status, _ in answers].index(200)}"


Kind = Callable[[Race, int], str]
KINDS: dict[Kind, set[str]] = {
    rollback_against_authorize: {"bet first", "rollback first"},
    settle_against_rollback: {"settlement first", "rollback first"},
    two_activations: {"copy 0", "copy 1"},
    activation_against_bets: {"bets first", "activation first"},
    one_request_from_fifty_callers: {"copy 0", "copy 1", "one payload"},
    two_withdrawals: {"copy 0", "copy 1"},
}


def _name(kind: Kind) -> str:
    return str(getattr(kind, "__name__", kind))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=[_name(kind) for kind in KINDS])
def test_races_end_legally_whoever_wins(race: Race, kind: Kind) -> None:
    seen = Counter(kind(race, number) for number in range(RACES))
    orders = {order for ending in seen for order in ending.split(" and ")}
    assert sum(seen.values()) == RACES and orders >= KINDS[kind], seen


NO_VERSION = InSql(
    "no version is compared", "apply_command", " AND p.version = c.player_version", ""
)
NO_CLAIM = (
    InSql(
        "a claim that is taken stops nobody",
        "apply_command",
        "c.transaction_id);",
        "c.transaction_id) ON CONFLICT DO NOTHING;",
    ),
    InSql(
        "no stored answer is read", "read_state", "AND i.request_id = c->>'request_id'", "AND false"
    ),
)
NO_ACTIVATION_NUMBER = InSql(
    "a bet of any activation",
    "apply_command",
    "gate.activation_no IS DISTINCT FROM c.activation_no",
    "false",
)
NO_START = InSql(
    "an activation from any other",
    "switch_active",
    "gate.activation_no IS DISTINCT FROM p_activation_no",
    "false",
)
PLANTS: tuple[tuple[Kind, tuple[InSql, ...]], ...] = (
    (two_withdrawals, (NO_VERSION,)),
    (settle_against_rollback, (NO_VERSION,)),
    (one_request_from_fifty_callers, NO_CLAIM),
    (activation_against_bets, (NO_ACTIVATION_NUMBER,)),
    (two_activations, (NO_START,)),
)


@pytest.mark.parametrize(
    ("kind", "bugs"), PLANTS, ids=[f"{bugs[0].name}: {_name(kind)}" for kind, bugs in PLANTS]
)
def test_a_race_without_its_guard_turns_red(
    race: Race, kind: Kind, bugs: tuple[InSql, ...]
) -> None:
    for bug in bugs:
        bug.plant(race.look)
    with pytest.raises((AssertionError, DatabaseError)):
        for number in range(PLANTED_RACES):
            kind(race, number)
