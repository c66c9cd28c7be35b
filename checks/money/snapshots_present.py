"""Every transactional record names the topology and policy that it was made under, and they exist.

When it fails, a settlement or an investigation cannot find the rules by which the money moved.
"""

from checks._answer import SAMPLES, none_may_break
from rubyops.model.finding import Finding
from rubyops.model.step import Check
from rubyops.ports import Read, Row


def run(read: Read) -> Finding:
    """Look for ledger rows, transfers and authorizations without a topology or policy."""
    rows = read.rows("reconcile_records_without_snapshot", limit=SAMPLES)
    there = read.one("reconcile_recorded")
    return none_may_break(
        rows,
        holds="every record names an existing topology and policy",
        broken="records without their snapshot",
        name=_name,
        nothing=None if there["ledger_rows"] or there["movements"] else "no money has moved here",
    )


def _name(row: Row) -> str:
    return f"{row['kind']} {row['id']} of brand {row['brand_id']} player {row['player_id']}"


CHECK = Check("snapshots-present", "Records carry topology and policy", ("LOC-10",), run)
