"""Whether a platform ever held money. One that never did may begin its first rollout.

The money invariants are asked around every changing step, so their answer on a new platform decides
whether a first rollout is possible. "No account" alone is no such answer: accounts and ledger of a
platform whose money was lost look the same, and the rest of its records tell the difference.
"""

from rubyops.model.finding import Finding, failed
from rubyops.ports import Read

NO_MONEY = "no money yet"


def never_held(read: Read) -> Finding | None:
    """Return None where no record tells of money; else the finding that it is gone."""
    there = read.one("reconcile_recorded")
    if not there["money_moved"]:
        return None
    kinds = ("ledger_rows", "cash_transactions", "transfers", "coupon_grants", "bets")
    told = [kind.replace("_", " ") for kind in kinds if there[kind]]
    return failed(
        f"no account is left, though {', '.join(told) or 'earlier cycles'} say that money moved",
        records=told,
    )
