"""GATE-4: no money movement bypasses wallet_service.

The proof has three parts. The catalog gives no role a way to write past wallet_service. Every
recorded transaction sums to zero and has a request. `rubyops gate` plays a probe, in which each
role logs in and tries to write. When it fails, balances can change without the wallet's rules.
"""

from checks._answer import SAMPLES, none_may_break
from checks.release._ways import ways
from rubyops.model.finding import Finding, inconclusive
from rubyops.model.step import Check
from rubyops.ports import Read, Row


def audit(read: Read) -> Finding:
    """Check guards, rights and records. The finding is inconclusive if no money ever moved."""
    rights = ways(read)
    parts = (_guards(read), rights, _sums(read), _requests(read))
    broken = next((finding for finding in parts if not finding.ok), None)
    if broken is not None:
        return broken
    if not read.one("grants_movements")["present"]:
        return inconclusive(f"no movement to look at yet; {rights.summary}", **rights.details)
    return rights


def run(read: Read) -> Finding:
    """Fail on a breach, else be inconclusive: only the probe of `rubyops gate` can pass."""
    finding = audit(read)
    if not finding.ok:
        return finding
    return inconclusive(
        f"{finding.summary}; whether the roles are refused is tried by: rubyops gate",
        **finding.details,
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
        name=_movement,
    )


def _movement(row: Row) -> str:
    who = f"brand {row['brand_id']} player {row['player_id']}"
    return f"{row['command']} {row['transaction_id']} of {who}"


def _transaction(row: Row) -> str:
    amount = f"{row['difference']} minor units of {row['currency']}"
    return f"transaction {row['transaction_id']}: {amount} over {row['legs']} legs"


CHECK = Check("gate-04", "No money movement bypasses wallet_service", ("GATE-4", "PRE-7"), run)
