"""GATE-4: no money movement bypasses wallet_service.

Proved from the catalog (who could write, on every partition, and which triggers always fire) and from the records (every
transaction sums to zero). When it fails, balances can change, or have changed, without the rules and without a trace.
"""

from checks._answer import SAMPLES, none_may_break
from rubyops.model.finding import Finding
from rubyops.model.step import Check
from rubyops.ports import Read, Row
from wallet_runtime.contract import WALLET_SERVICE

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
MONEY_FUNCTIONS = ("apply_command", "move_legs", "move_account", "open_account", "put_records", "put_authorization", "put_cash_transaction")


def run(read: Read) -> Finding:
    """Look at grants, then at triggers, then at the records; the first that is broken is the answer."""
    grants = none_may_break(
        read.rows(
            "facts_write_grants",
            tables=list(MONEY_TABLES),
            money_functions=list(MONEY_FUNCTIONS),
            only_caller=WALLET_SERVICE,
            limit=SAMPLES,
        ),
        holds="only wallet_service's apply path can write money tables",
        broken="grants that let others write money",
        name=lambda row: f"{row['rolname']} has {row['privilege']} on {row['object']}",
    )
    guards = none_may_break(
        read.rows("facts_missing_guards", limit=SAMPLES),
        holds="every immutable table is guarded",
        broken="guards of immutable tables that are missing or switched off",
        name=lambda row: f"{row['object']} may be changed by {row['action']}",
    )
    sums = none_may_break(
        read.rows("reconcile_unbalanced_transactions", limit=SAMPLES),
        holds="every transaction sums to zero",
        broken="transactions that do not sum to zero",
        name=_transaction,
    )
    return next((finding for finding in (grants, guards, sums) if not finding.ok), grants)


def _transaction(row: Row) -> str:
    return f"transaction {row['transaction_id']}: {row['difference']} minor units of {row['currency']} over {row['legs']} legs"


CHECK = Check("gate-04", "No money movement bypasses wallet_service", ("GATE-4", "PRE-7"), run)
