"""Every balance is that of the account's newest ledger row, and every chain of rows is intact.

Accounts are buckets, grants and cash. When it fails, a balance was changed without a ledger row, or
a ledger row was rewritten. No program corrects the difference: find the cause first.
"""

from checks._answer import SAMPLES, account_of, none_may_break
from checks._money import NO_MONEY, never_held
from rubyops.model.finding import Finding, passed
from rubyops.model.step import Check
from rubyops.ports import Read, Row


def run(read: Read) -> Finding:
    """Verify every chain in one snapshot. A failure names the account and its last good row."""
    drifts = read.rows("reconcile_ledger_drift", limit=SAMPLES)
    accounts = 0 if drifts else int(read.one("reconcile_accounts")["accounts"])
    if not drifts and not accounts:
        return never_held(read) or passed(f"{NO_MONEY}: no account and no ledger row", accounts=0)
    return none_may_break(
        drifts,
        holds=f"{accounts} accounts agree with their ledger",
        broken="accounts that drift from their ledger",
        name=_name,
    )


def _name(row: Row) -> str:
    amounts = f"expected {row['expected']}, actual {row['actual']} minor units of {row['currency']}"
    last_good = f"last good version {row['last_good_version']} ({row['reason']})"
    return f"{account_of(row)}: {amounts}, {last_good}"


CHECK = Check("ledger-tips", "Balances equal their ledger tips", ("PRD-4c", "STG-4", "TRG-2"), run)
