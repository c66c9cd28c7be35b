"""GATE-4: no money movement bypasses wallet_service.

Proved from the catalog (every way by which a role could come to write), from the records (every
transaction sums to zero and has a request behind it), and by the probe that `rubyops gate` plays:
each role logs in and tries to write. When it fails, balances can change, or have changed, without
the rules and without a trace.
"""

from checks._answer import SAMPLES, none_may_break
from checks.release._ways import ways
from rubyops.model.finding import Finding, inconclusive
from rubyops.model.step import Check
from rubyops.ports import Read, Row


def audit(read: Read) -> Finding:
    """Look at guards, rights and records; without a movement the records show nothing."""
    rights = ways(read)
    parts = (_guards(read), rights, _sums(read), _requests(read))
    broken = next((finding for finding in parts if not finding.ok), None)
    if broken is not None:
        return broken
    if not read.one("grants_movements")["present"]:
        return inconclusive(f"no movement to look at yet; {rights.summary}", **rights.details)
    return rights


def run(read: Read) -> Finding:
    """Fail on a breach; without the probe, a clean catalog decides nothing."""
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
