"""GATE-9: alerting exists for critical wallet failures.

When it fails, ledger failures and missing authorizations pass unseen.
"""

from rubyops.model.finding import Finding, inconclusive
from rubyops.model.step import Check
from rubyops.ports import Read


def run(read: Read) -> Finding:
    """Alert rules are not shipped yet, so nothing about them can be proved."""
    del read
    return inconclusive("not built yet: alert rules come with the signals")


CHECK = Check("gate-09", "Alerting is in place", ("GATE-9",), run)
