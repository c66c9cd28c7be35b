"""The money invariants that must hold around every changing step."""

from rubyops.model.finding import Finding
from rubyops.ports import CheckRunner

MONEY_CHECKS = ("ledger-tips", "conservation", "outbox-age")


def first_broken(check: CheckRunner) -> tuple[str, Finding] | None:
    """Return the first invariant that does not hold, with what was found, or None."""
    for name in MONEY_CHECKS:
        finding = check(name)
        if not finding.ok:
            return name, finding
    return None
