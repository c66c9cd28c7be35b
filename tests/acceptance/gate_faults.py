"""Every fault that a release gate must find on a live platform."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial

from tests.acceptance import gate_04_faults, money_faults
from tests.acceptance.faults import edited_balance
from tests.acceptance.gate_stage import Fault, statements
from tests.acceptance.mutant import mutated
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


def rule(process: str, name: str) -> Plant:
    """Make a fault that runs `process` with the broken rule `name`."""
    return lambda stage: mutated(stage.live, process, name)


@contextmanager
def points_in_the_active_policy(stage: Stage) -> Iterator[None]:
    """Add points to the funding sources of the active policy, past validation and trigger."""
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
    """Make the view that shows where players hold money return no rows."""
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
        money_faults.balances_that_cancel_out,
    ),
    Fault(
        "a ledger row rewritten",
        "gate-03",
        "ledger row 1 was changed",
        money_faults.a_rewritten_ledger_row,
    ),
    *gate_04_faults.FAULTS,
    Fault(
        "transactions that do not sum to zero",
        "gate-04",
        "do not sum to zero: 2",
        money_faults.unbalanced_transactions,
        also=("gate-03",),
    ),
    Fault(
        "a movement written by hand",
        "gate-04",
        "that no request of wallet_service stands behind: 1",
        money_faults.movement_by_hand,
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
