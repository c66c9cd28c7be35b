"""Every record that decides money is as the wallet wrote it, and agrees with its ledger.

Ledger rows, counter-entries, requests and events must match the records. When it fails, a program
other than the wallet changed or deleted a record, such as a bet, a limit or a rule. No program
corrects this, and the wallet refuses to use such a record. Find out who changed it, and which
decisions used the changed record.
"""

from checks._answer import SAMPLES, none_may_break
from rubyops.model.finding import Finding
from rubyops.model.step import Check
from rubyops.ports import Read, Row


def run(read: Read) -> Finding:
    """Compare all records, also old ones, with their seals and the ledger in one snapshot."""
    rows = read.rows("reconcile_record_drift", limit=SAMPLES)
    there = read.one("reconcile_recorded")
    return none_may_break(
        rows,
        holds="every record is as it was sealed",
        broken="records that are not as the wallet left them",
        name=_name,
        nothing=None if there["money_moved"] else "no money has moved here",
    )


def _name(row: Row) -> str:
    whose = f" of brand {row['brand_id']} player {row['player_id']}" if row["player_id"] else ""
    return f"{row['record']} {row['key']}{whose}: {row['reason']}"


CHECK = Check("records-agree", "Records are as the wallet sealed them", ("PRD-4c",), run)
