"""GATE-5: settlement and rollback use the funding that was recorded when the bet was accepted.

This check reads recorded bets. `rubyops gate` also plays a bet of a canary player whose balances
change before the bet ends. When it fails, a rollback returns money to an account that did not pay.
"""

from checks._answer import SAMPLES, none_may_break
from rubyops.model.finding import Finding, inconclusive
from rubyops.model.step import Check
from rubyops.ports import Read, Row


def audit(read: Read) -> Finding:
    """Compare the ledger rows of each rolled-back bet with its funding breakdown."""
    rows = read.rows("reconcile_rollbacks_off_breakdown", limit=SAMPLES)
    there = read.one("reconcile_recorded")["rolled_back_bets"]
    return none_may_break(
        rows,
        holds="every rollback followed its stored breakdown",
        broken="rollbacks off their stored breakdown",
        name=_name,
        nothing=None if there else "no bet of a player was ever rolled back here",
    )


def run(read: Read) -> Finding:
    """Fail on a recorded breach, else be inconclusive: only the probe can pass the gate."""
    finding = audit(read)
    if finding.status == "failed":
        return finding
    seen = "the records agree" if finding.ok else finding.summary
    return inconclusive(f"{seen}; the probe must write, run: rubyops gate")


def _name(row: Row) -> str:
    amounts = f"stored {row['expected']}, returned {row['actual']} minor units"
    return f"authorization {row['authorization_id']} {row['account']}: {amounts}"


CHECK = Check(
    "gate-05", "Settlement and rollback follow the stored breakdown", ("GATE-5", "TRG-4"), run
)
