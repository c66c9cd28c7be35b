"""GATE-4: no money movement bypasses wallet_service.

Proved from the catalog (who could write, on every partition, or call what writes; which triggers always fire) and from the records
(every transaction sums to zero and has a request behind it). When it fails, balances can change, or have changed, without the rules
and without a trace.
"""

from checks._answer import SAMPLES, none_may_break
from rubyops.model.finding import Finding
from rubyops.model.step import Check
from rubyops.ports import Read, Row
from wallet_runtime.contract import (
    PLAYER_SERVICE,
    PROCESSES,
    ROLLING_SERVICE,
    WALLET_SERVICE,
    WALLET_WORKER,
)

MONEY_TABLES = (
    "wallet_player",
    "wallet_bucket",
    "wallet_balances",
    "wallet_coupon_grant",
    "wallet_ledger",
    "wallet_counter_entry",
    "wallet_bet_authorization",
    "wallet_transfer",
    "wallet_rolling_obligation",
    "wallet_idempotency",
    "ledger_transactions",
)
OPERATOR_ROLE = "rubyops_ops"
PLATFORM_ROLES = (*PROCESSES, "control_service", "rubyops_read", OPERATOR_ROLE)
# Who may call which function that runs with its owner's rights. Any other one is a way past wallet_service.
CALLS = {
    WALLET_SERVICE: (
        "apply_command",
        "apply_commands",
        "read_state",
        "choose_source",
        "register_player",
        "switch_active",
        "ensure_ledger_partitions",
    )
    + ("walk_ledger", "fold_counters", "seal_month", "raise_freeze", "settle_freeze")
    + ("hold_fence", "note_change"),
    WALLET_WORKER: ("prune_outbox", "prune_idempotency"),
    OPERATOR_ROLE: (
        "advance_fence",
        "raise_freeze",
        "settle_freeze",
        "lower_freeze",
        "issue_canary_pass",
        "count_unpublished",
        "publish_canary",
    )
    + ("backfill_batch", "topology_move_batch")
    + ("hold_fence", "note_change"),
    ROLLING_SERVICE: ("hold_fence", "note_change"),
    PLAYER_SERVICE: ("hold_fence",),
}


def run(read: Read) -> Finding:
    """Look at grants, then at triggers, then at the records; the first that is broken is the answer."""
    parts = (_grants(read), _guards(read), _sums(read), _requests(read))
    return next((finding for finding in parts if not finding.ok), parts[0])


def _grants(read: Read) -> Finding:
    return none_may_break(
        read.rows(
            "facts_write_grants",
            tables=list(MONEY_TABLES),
            known_calls=[f"{role} wallet.{name}" for role, names in CALLS.items() for name in names],
            platform_roles=list(PLATFORM_ROLES),
            limit=SAMPLES,
        ),
        holds="only wallet_service's apply path can write money tables",
        broken="grants that let others write money",
        name=lambda row: f"{row['rolname']} has {row['privilege']} on {row['object']}",
    )


def _guards(read: Read) -> Finding:
    return none_may_break(
        read.rows("facts_missing_guards", limit=SAMPLES),
        holds="every immutable table is guarded",
        broken="guards of immutable tables that are missing or switched off",
        name=lambda row: f"{row['object']} may be changed by {row['action']}",
    )


def _sums(read: Read) -> Finding:
    return none_may_break(
        read.rows("reconcile_unbalanced_transactions", limit=SAMPLES),
        holds="every transaction sums to zero",
        broken="transactions that do not sum to zero",
        name=_transaction,
    )


def _requests(read: Read) -> Finding:
    return none_may_break(
        read.rows("reconcile_movements_without_request", limit=SAMPLES),
        holds="every movement has a request behind it",
        broken="movements that no request of wallet_service stands behind",
        name=lambda row: f"{row['command']} {row['transaction_id']} of brand {row['brand_id']} player {row['player_id']}",
    )


def _transaction(row: Row) -> str:
    return f"transaction {row['transaction_id']}: {row['difference']} minor units of {row['currency']} over {row['legs']} legs"


CHECK = Check("gate-04", "No money movement bypasses wallet_service", ("GATE-4", "PRE-7"), run)
