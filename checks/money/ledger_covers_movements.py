"""Every recorded movement of money has immutable ledger rows.

A movement is a cash transaction, a transfer, a bet or the close of a bet. When it fails, money
moved without a ledger row, so a reconciliation cannot explain the balance.
"""

from checks._answer import SAMPLES, none_may_break
from rubyops.model.finding import Finding
from rubyops.model.step import Check
from rubyops.ports import Read, Row


def run(read: Read) -> Finding:
    """Look for records without a ledger row of their transaction."""
    rows = read.rows("reconcile_movements_without_ledger", limit=SAMPLES)
    moved = read.one("reconcile_recorded")["movements"]
    return none_may_break(
        rows,
        holds="every movement has its ledger rows",
        broken="movements without a ledger row",
        name=_name,
        nothing=None if moved else "no movement of money is recorded here",
    )


def _name(row: Row) -> str:
    return f"{row['kind']} {row['id']} of brand {row['brand_id']} player {row['player_id']}"


CHECK = Check("ledger-covers-movements", "Every movement has ledger rows", ("LOC-8",), run)
