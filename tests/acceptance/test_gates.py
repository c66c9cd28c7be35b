"""Each built release gate is green on a healthy platform, and alone turns red under its own fault.

The faults are planted on live services. No two of one gate follow one another, so that the run that
shows a gate red also shows the one before green again.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from uuid import uuid4

import pytest

from rubyops.model.recorded import TESTS
from tests.acceptance import gate_04_faults
from tests.acceptance.counted import results_of
from tests.acceptance.faults import ACCOUNT, BUCKET, edited_balance
from tests.acceptance.front_door import Player
from tests.acceptance.gate_stage import Connection, Fault, statements
from tests.acceptance.home import Home
from tests.acceptance.mutant import mutated
from tests.acceptance.platform import Answer, Live
from tests.acceptance.recorded import (
    Plant,
    Stage,
    failing_result,
    hand_written_result,
    newer_flows,
    no_result,
)
from wallet_runtime.contract.processes import (
    ADMIN_SERVICE,
    GAME_SERVICE,
    GATEWAY,
    PLAYER_SERVICE,
    WALLET_SERVICE,
)
from wallet_runtime.contract.secrets import LEGACY_TOKEN_VARIABLE

pytestmark = [pytest.mark.slow, pytest.mark.fault]
NOT_BUILT = ("gate-06", "gate-09")
HEALTHY = {
    name: "inconclusive" if name in NOT_BUILT else "ok"
    for name in (f"gate-{number:02}" for number in range(1, 11))
}


@pytest.fixture(scope="module")
def rollout(platform: Live) -> str:
    """The run that proved the flows, newer than what other tests did to the platform."""
    platform.make_open()
    return platform.done("rollout", "local", "--keep-up").run_id


@pytest.fixture
def stage(rollout: str, live: Live, home: Home) -> Stage:
    """A healthy platform on which every built gate can be green."""
    made = Stage(live, results_of(home.folder), rollout, live.player())
    made.results.record(TESTS, passed=True)
    for amount in ("30.00", "20.00"):
        assert live.deposit(made.holder, amount, BUCKET).status_code == 200
    live.settle_down()
    return made


# --- how faults are planted


def rule(process: str, name: str) -> Plant:
    """Run a process with a broken rule."""
    return lambda stage: mutated(stage.live, process, name)


@contextmanager
def balances_that_cancel_out(stage: Stage) -> Iterator[None]:
    """Move a unit from one player's bucket to another's of the same brand, without a ledger row.

    No total shows it.
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
    """Change what a ledger row says of its policy.

    Every amount stays as it is, and only the chain of hashes shows it.
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
    """Let the house lose a unit in one transaction and win it in another.

    In all, money is conserved.
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
    """Give a player money with all legs, versions and hashes in order, but past wallet_service."""
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
        # The wallet folds its counters each minute: the fault looks and ends alike either way.
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
            # As after a restore, the running sums are made anew from all entries that are left.
            connection.execute("SELECT wallet.fold_counters()")


@contextmanager
def points_in_the_active_policy(stage: Stage) -> Iterator[None]:
    """Put points among the sources of the policy in force, past its validation and its guard."""
    held = stage.live.one(
        "SELECT policy_key, version, document::text AS document FROM wallet.wallet_policy"
        " WHERE state = 'ACTIVE'"
    )
    document = json.loads(held["document"])
    document["funding"]["SPORTS"]["sources"].append("POINTS")
    change = (
        "UPDATE wallet.wallet_policy SET document = %s::jsonb"
        " WHERE (policy_key, version) = (%s, %s)"
    )
    key = [held["policy_key"], held["version"]]
    with closing(stage.live.superuser()) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(change, [json.dumps(document), *key])
        try:
            yield
        finally:
            connection.execute(change, [held["document"], *key])


@contextmanager
def blind_live_references(stage: Stage) -> Iterator[None]:
    """Replace what tells validation where money is by something that sees nothing."""
    view = stage.live.one("SELECT pg_get_viewdef('wallet.live_reference') AS text")["text"].rstrip(
        ";"
    )
    with closing(stage.live.superuser()) as connection:
        connection.execute(
            (
                "CREATE OR REPLACE VIEW wallet.live_reference AS"
                f" SELECT * FROM ({view}) AS everything WHERE false"
            ).encode()
        )
        try:
            yield
        finally:
            connection.execute(f"CREATE OR REPLACE VIEW wallet.live_reference AS {view}".encode())


@contextmanager
def unguarded(live: Live) -> Iterator[Connection]:
    """Give the superuser one transaction in which rows of the ledger may be changed."""
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


# --- the table

GHOST = """
INSERT INTO wallet.wallet_rolling_obligation (rolling_id, brand_id, player_id, topology_code,
       bucket_type_code, currency, amount, required)
"""
FAULTS = (
    Fault("no result of the tests", "gate-01", "no recorded result", no_result, "inconclusive"),
    Fault(
        "tests written by hand",
        "gate-01",
        "does not carry the seal",
        hand_written_result,
        "inconclusive",
    ),
    Fault("tests failed", "gate-01", "failed for commit", failing_result),
    Fault(
        "flows failed",
        "gate-02",
        "failed for commit",
        partial(newer_flows, passed=False, anchored=True),
    ),
    Fault(
        "flows of a run that was never one",
        "gate-02",
        "control has no anchor",
        partial(newer_flows, passed=True, anchored=False),
        "inconclusive",
    ),
    Fault(
        "a process of other code",
        "gate-02",
        "copies run different code",
        rule(GATEWAY, "other code"),
        "inconclusive",
    ),
    Fault(
        "a process that tells no code",
        "gate-02",
        "does not tell which code",
        rule(GATEWAY, "no code told"),
        "inconclusive",
    ),
    Fault(
        "a balance edited",
        "gate-03",
        "totals that differ",
        lambda stage: edited_balance(stage.live, stage.holder),
    ),
    Fault(
        "two balances edited that cancel out",
        "gate-03",
        "last good version",
        balances_that_cancel_out,
    ),
    Fault("a ledger row rewritten", "gate-03", "ledger row 1 was changed", a_rewritten_ledger_row),
    *gate_04_faults.FAULTS,
    Fault(
        "transactions that do not sum to zero",
        "gate-04",
        "do not sum to zero: 2",
        unbalanced_transactions,
        also=("gate-03",),
    ),
    Fault(
        "a movement written by hand",
        "gate-04",
        "that no request of wallet_service stands behind: 1",
        movement_by_hand,
        also=("gate-03",),
    ),
    Fault(
        "rollback by today's balances",
        "gate-05",
        "what the rollback returned",
        rule(WALLET_SERVICE, "rollback by today's balances"),
    ),
    Fault(
        "settlement by today's balances",
        "gate-05",
        "where the winnings went",
        rule(WALLET_SERVICE, "settlement by today's balances"),
    ),
    Fault(
        "validation lets points be staked",
        "gate-07",
        "rule A7-4 among",
        rule(WALLET_SERVICE, "points may be staked"),
    ),
    Fault(
        "validation lets points be withdrawable",
        "gate-07",
        "rule A7-6 among",
        rule(WALLET_SERVICE, "points may become withdrawable"),
    ),
    Fault(
        "a withdrawal in points is taken",
        "gate-07",
        "a withdrawal of points",
        rule(PLAYER_SERVICE, "points withdrawn as money"),
    ),
    Fault(
        "the policy in force bets points",
        "gate-07",
        "active pair's own documents",
        points_in_the_active_policy,
        also=("gate-03",),
    ),
    Fault(
        "validation sees no money",
        "gate-08",
        "rule A7-8 among",
        blind_live_references,
        also=("gate-04",),
    ),
    Fault(
        "validation does not look at money",
        "gate-08",
        "which holds money",
        rule(WALLET_SERVICE, "anything may be stranded"),
    ),
    Fault(
        "validation misses a change of meaning",
        "gate-08",
        "means bonus money",
        rule(WALLET_SERVICE, "meaning may change"),
    ),
    Fault(
        "a rolling out of reach",
        "gate-08",
        "1 x rolling obligation in GHOST_V1/NORMAL",
        statements(
            f"{GHOST} VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'GHOST_V1',"
            " 'NORMAL', 'EUR', 1, 1)",
            undo=("DELETE FROM wallet.wallet_rolling_obligation WHERE topology_code = 'GHOST_V1'",),
        ),
        also=("gate-03",),
    ),
    Fault(
        "a process has the legacy token",
        "gate-10",
        f"admin_service copy 1 has {LEGACY_TOKEN_VARIABLE} set",
        lambda stage: mutated(
            stage.live, ADMIN_SERVICE, **{LEGACY_TOKEN_VARIABLE: "shared by all"}
        ),
    ),
    Fault(
        "the wallet takes a shared token",
        "gate-10",
        "a call of wallet_service as",
        rule(WALLET_SERVICE, "any token will do"),
    ),
    Fault(
        "another process takes a shared token",
        "gate-10",
        "a call of game_service as",
        rule(GAME_SERVICE, "any token will do"),
    ),
)


def spread(faults: Sequence[Fault]) -> list[Fault]:
    """Order faults so that neighbours turn different gates.

    Of those that most of the others may not follow, first.
    """
    left, ordered = list(faults), list[Fault]()
    while left:
        free = [fault for fault in left if not ordered or fault.turns.isdisjoint(ordered[-1].turns)]
        ordered.append(max(free, key=partial(_neighbours_refused, left)))
        left.remove(ordered[-1])
    return ordered


def _neighbours_refused(left: Sequence[Fault], fault: Fault) -> int:
    return sum(not fault.turns.isdisjoint(other.turns) for other in left)


PARAMETERS = [
    pytest.param(
        fault,
        marks=pytest.mark.alters_roles if fault.name in gate_04_faults.ALTERING_ROLES else (),
        id=fault.name,
    )
    for fault in spread(FAULTS)
]


def test_every_built_gate_is_green_on_a_healthy_platform(stage: Stage) -> None:
    answer = stage.live.run("gate")
    assert (answer.code, _statuses(answer)) == (5, HEALTHY)


def test_a_platform_without_a_topology_fails_its_gates_and_no_query() -> None:
    home = Home()
    bare = Live(home, "local")
    try:
        bare.done("up")
        answer = bare.run("gate")
        assert answer.code == 5, answer.told
        statuses = _statuses(answer)
        assert {statuses[name] for name in ("gate-01", "gate-02")} == {"inconclusive"}
        assert {statuses[name] for name in ("gate-05", "gate-07", "gate-08")} == {"inconclusive"}
        assert "no topology is active" in answer.step("gate-07")["summary"]
    finally:
        bare.close()
        bare.run("down")
        home.remove()


@pytest.mark.parametrize("fault", PARAMETERS)
def test_gate_alone_turns_red(stage: Stage, fault: Fault) -> None:
    with fault.plant(stage):
        answer = stage.live.run("gate")
    red = {fault.gate: fault.status, **dict.fromkeys(fault.also, "failed")}
    assert (answer.code, _statuses(answer)) == (5, {**HEALTHY, **red})
    assert fault.words in str(answer.step(fault.gate))


def test_every_built_gate_is_green_again_after_the_last_fault(stage: Stage) -> None:
    assert _statuses(stage.live.run("gate")) == HEALTHY


def _statuses(answer: Answer) -> dict[str, str]:
    return {row["id"]: row["status"] for row in answer.body["results"]}
