"""GATE-8: no activation can leave balances or records unreachable.

This check looks for money in buckets that the active topology does not have. `rubyops gate` also
validates a topology that drops a bucket in use. When it fails, players own money that no command
can move.
"""

from checks._answer import SAMPLES, none_may_break
from rubyops.model.finding import Finding, inconclusive
from rubyops.model.step import Check
from rubyops.ports import Read, Row


def audit(read: Read) -> Finding:
    """Look for rows that refer to a bucket that the active topology does not have."""
    rows = read.rows("reconcile_unreachable_references", limit=SAMPLES)
    there = read.one("reconcile_recorded")["held_in_buckets"]
    return none_may_break(
        rows,
        holds="everything held is reachable",
        broken="kinds of references out of reach of the active topology",
        name=_name,
        nothing=None if there else "nobody holds anything in a bucket here",
    )


def run(read: Read) -> Finding:
    """Fail if something is out of reach, else be inconclusive: only the probe can pass the gate."""
    finding = audit(read)
    if finding.status == "failed":
        return finding
    seen = "everything held is reachable" if finding.ok else finding.summary
    return inconclusive(f"{seen}; the probe must write, run: rubyops gate")


def _name(row: Row) -> str:
    bucket = f"{row['topology_code']}/{row['bucket_type_code']}"
    return f"{row['references_count']} x {row['held_by']} in {bucket}"


CHECK = Check("gate-08", "Activation cannot strand balances", ("GATE-8",), run)
