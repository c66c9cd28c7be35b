"""GATE-3: bucket totals equal ledger totals, per brand, account and currency.

When it fails, players see balances that the ledger does not explain.
"""

from checks._answer import SAMPLES, none_may_break
from checks.money import conservation, ledger_tips, records_agree
from rubyops.model.finding import Finding
from rubyops.model.step import Check
from rubyops.ports import Read, Row


def run(read: Read) -> Finding:
    """Compare totals, ledger tips, conservation and records. Return the first failure."""
    accounts = read.one("reconcile_recorded")["accounts"]
    totals = none_may_break(
        read.rows("reconcile_bucket_totals", limit=SAMPLES),
        holds="totals agree",
        broken="totals that differ from the ledger's",
        name=_name,
        nothing=None if accounts else "no account is here",
    )
    if not totals.ok:
        return totals
    parts = (ledger_tips.run(read), conservation.run(read), records_agree.run(read))
    return next((finding for finding in parts if not finding.ok), totals)


def _name(row: Row) -> str:
    amounts = f"ledger {row['expected']}, balances {row['actual']} minor units of {row['currency']}"
    return f"brand {row['brand_id']} {row['account']}: {amounts}"


CHECK = Check("gate-03", "Ledger totals equal bucket totals", ("GATE-3", "STG-4"), run)
