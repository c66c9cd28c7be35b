"""Under a seal, paused loops change nothing, and every writable table is guarded."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from checks.release._wallet_rights import CALLS, OPERATOR_ROLE, PLATFORM_ROLES
from sql import query
from tests.cluster import TestDatabase
from tests.wallet_runtime.processes import open_process
from wallet_runtime.contract import seal
from wallet_runtime.contract.consumers import WALLET_CONSUMERS
from wallet_runtime.contract.processes import PROCESSES, ROLLING_WORKER
from wallet_runtime.plumbing.runtime.loop import Loop
from wallet_runtime.services import load

OF_EVERY_CONSUMER = {
    "inbox": "the consumer; retention holds the seal",
    "event_failure": "the consumer; retention holds the seal",
    "dead_letter": "the consumer; a replay needs the fence",
    "consumer": "the consumer's lease",
    "partition": "the consumer's lease",
    "position": "the consumer",
}
# Tables that a process may write and that have no trigger `unsealed`, each with the reason why a
# seal holds there too.
WITHOUT_TRIGGER = {
    "game.round": "written together with a callback, in one statement",
    "game.bet": "written together with a callback, in one statement",
    "wallet.wallet_outbox": "the publisher marks what a drain waits for",
    "wallet.wallet_outbox_partition": "the publisher's lease",
    "wallet.wallet_reconciliation": "a cycle records what it found",
    "wallet.wallet_reconciliation_turn": "a cycle records what it found",
    "wallet.wallet_ledger_seal": "a cycle notes when it looked",
    "rolling.player_rolling": (
        "the consumer takes on what was committed; expiry and cancel hold the seal"
    ),
    "rolling.rolling_turnover": "the consumer",
    "rolling.rolling_finding": "the consumer",
    "rolling.rolling_outbox": (
        "the consumer and the publisher; retention, expiry and cancel hold the seal"
    ),
    "rolling.rolling_outbox_partition": "the publisher's lease",
    "rolling.rolling_retry": "the consumer; completion, expiry and cancel hold the seal",
    **{
        f"{schema}.{schema}_{table}": reason
        for schema in WALLET_CONSUMERS
        for table, reason in OF_EVERY_CONSUMER.items()
    },
}
WRITABLE = """
SELECT DISTINCT c.oid::regclass::text,
       EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'unsealed')
  FROM pg_class c JOIN pg_roles r ON r.rolname = ANY (%s)
 WHERE c.relnamespace::regnamespace::text = ANY (%s) AND c.relkind IN ('r', 'p')
   AND (has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
        OR has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE'))
"""
SCHEMAS = ("wallet", "game", "gateway", "player", "admin", *WALLET_CONSUMERS)
SEAL = "UPDATE wallet.wallet_gate SET freeze_level = %s"
# Work for the paused loops: a lapsed rolling, one whose end the wallet does not know yet, and
# events and answers past their retention.
ROLLINGS = """
INSERT INTO rolling.player_rolling (rolling_id, brand_id, player_id, topology_code,
    bucket_type_code, provider_types, currency, amount, multiplier, required_turnover,
    target_turnover, state, reference_id, reason, event_id, restore_epoch, created_at, expires_at)
SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'RUBY_SPLIT_V1', 'SPORTS_BONUS',
       '{SPORTS}', 'EUR', 100, 1, 100, 100, state, 'r', 'bonus', gen_random_uuid(), 0,
       now() - interval '2 days', now() - interval '1 day'
  FROM unnest('{ACTIVE,COMPLETING}'::text[]) AS state;
INSERT INTO rolling.rolling_retry (rolling_id, brand_id, player_id)
SELECT rolling_id, brand_id, player_id FROM rolling.player_rolling WHERE state = 'COMPLETING';
"""
WORK = """
INSERT INTO rolling.rolling_outbox (brand_id, player_id, player_version, event_type, payload,
    restore_epoch, published_at)
VALUES (gen_random_uuid(), gen_random_uuid(), 1, 'X', '{}', 0, now() - interval '9 days');
INSERT INTO wallet.wallet_idempotency (brand_id, caller, route, request_id, fingerprint, status,
    body, transaction_id, created_at)
VALUES (gen_random_uuid(), 'c', 'r', 'i', '', 200, '{}', gen_random_uuid(),
    now() - interval '91 days');
"""
COUNTS = """
SELECT (SELECT count(*) FROM rolling.player_rolling WHERE state = 'ACTIVE'),
       (SELECT sum(attempts) FROM rolling.rolling_retry),
       (SELECT count(*) FROM rolling.rolling_outbox WHERE published_at < now() - interval '8 days'),
       (SELECT count(*) FROM wallet.wallet_idempotency)
"""


@pytest.fixture
def loops(
    platform_db: TestDatabase, control_db: TestDatabase, redis_url: str
) -> Iterator[dict[tuple[str, str], Loop]]:
    """The loops of all processes, by process and name; none is started."""
    found: dict[tuple[str, str], Loop] = {}
    with ExitStack() as stack:
        for process in PROCESSES:
            control = control_db.dsn(process)
            context = stack.enter_context(
                open_process(process, platform_db, redis_url, CONTROL_DATABASE_URL=control)
            )
            found |= {(process, loop.name): loop for loop in load(process).loops(context)}
        yield found


def test_every_loop_passes_with_a_reason_or_pauses(loops: dict[tuple[str, str], Loop]) -> None:
    assert sorted(loops) == sorted([*seal.PASSING_LOOPS, *seal.PAUSED_LOOPS])


def test_a_paused_loop_changes_nothing_under_a_seal_and_is_well(
    loops: dict[tuple[str, str], Loop],
    superuser: psycopg.Connection[Any],
    platform_db: TestDatabase,
) -> None:
    def turn(level: str) -> tuple[Any, ...]:
        superuser.execute(SEAL.encode(), [level])
        for name in seal.PAUSED_LOOPS:
            loops[name].take_turn()
            assert loops[name].state().ok and loops[name].failures() == 0, (name, level)
        return tuple(superuser.execute(COUNTS.encode()).fetchall()[0])

    superuser.execute(WORK.encode())
    # rolling_worker must write these rows: the loops skip rows that a superuser wrote.
    with psycopg.connect(platform_db.dsn(ROLLING_WORKER)) as worker:
        worker.execute(ROLLINGS.encode())
    before = tuple(superuser.execute(COUNTS.encode()).fetchall()[0])
    assert before == (1, 0, 1, 1)
    assert turn("sealed") == before
    expired, tried, kept, answers = turn("open")
    assert (expired, kept, answers) == (0, 0, 0) and tried > 0, "else this could not fail"


def test_every_table_that_a_process_may_write_is_guarded_or_has_its_reason(
    superuser: psycopg.Connection[Any],
) -> None:
    found = dict(superuser.execute(WRITABLE.encode(), [[*PLATFORM_ROLES], [*SCHEMAS]]).fetchall())
    unguarded = {name for name, has_trigger in found.items() if not has_trigger}
    assert unguarded == WITHOUT_TRIGGER.keys()


def test_an_operators_function_passes_with_a_reason_or_is_refused(
    superuser: psycopg.Connection[Any], platform_db: TestDatabase
) -> None:
    refused = {
        "backfill_batch": ("SELECT wallet.backfill_batch('run', 1, NULL, 10)", "RB002"),
        "seed_legacy_players": ("SELECT player.seed_legacy_players(1)", "RW012"),
    }
    assert {*CALLS[OPERATOR_ROLE], "seed_legacy_players"} == {*seal.PASSING_FUNCTIONS, *refused}
    with psycopg.connect(platform_db.dsn(OPERATOR_ROLE), autocommit=True) as operator:
        operator.execute("SELECT wallet.advance_fence(1)")
        superuser.execute(SEAL.encode(), ["sealed"])
        for statement, state in refused.values():
            with pytest.raises(psycopg.Error) as refusal:
                operator.execute(statement.encode())
            assert refusal.value.sqlstate == state, statement
        with pytest.raises(psycopg.Error) as refusal:
            operator.execute(query("ops_seed_players").encode(), {"count": 1, "token": 1})
        assert refusal.value.sqlstate == "RW012"
        superuser.execute(SEAL.encode(), ["open"])
        assert operator.execute(refused["seed_legacy_players"][0].encode()).fetchall() == [(1,)]
