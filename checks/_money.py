"""Decides whether a platform without accounts is new, or has lost its money.

The money invariants are checked around every changing step. They must pass on a new platform, or a
first rollout would be impossible. An empty ledger does not prove that a platform is new, because a
platform that lost its ledger has an empty ledger, too. Other records show the difference.
"""

from rubyops.model.finding import Finding, failed
from rubyops.ports import Read

NO_MONEY = "no money yet"


def never_held(read: Read) -> Finding | None:
    """Return None if no record shows that money ever moved, else a failed finding.

    Callers use it when the platform has no account.
    """
    there = read.one("reconcile_recorded")
    if not there["money_moved"]:
        return None
    kinds = ("ledger_rows", "cash_transactions", "transfers", "coupon_grants", "bets")
    told = [kind.replace("_", " ") for kind in kinds if there[kind]]
    return failed(
        f"no account is left, though {', '.join(told) or 'earlier cycles'} say that money moved",
        records=told,
    )
