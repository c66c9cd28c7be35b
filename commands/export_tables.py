"""Export the wallet's tables in one snapshot, for an investigation (PRD-T2a, NPR-3).

When: before a rollback changes data that the investigation needs. Blast radius: reads only. Files
go to the environment's export folder, with counts and digests. Undo: delete the folder.
"""

from dataclasses import dataclass

from rubyops.effects.export import ExportTables
from rubyops.errors import Refused
from rubyops.model.step import Command, Planned
from rubyops.ports import Read

TABLES = (
    "wallet_topology",
    "wallet_policy",
    "wallet_bucket",
    "wallet_bet_authorization",
    "wallet_transfer",
    "wallet_coupon_grant",
    "wallet_ledger",
)


@dataclass(frozen=True)
class Params:
    """No parameters: the runbook fixes the list of seven tables."""


def plan(params: Params, read: Read) -> Planned:
    """Plan to export all seven tables. Refuses when every table is empty."""
    del params
    there = read.one("reconcile_recorded")
    if not any(there[kind] for kind in ("topologies", "money_moved")):
        empty = "no topology is saved and no money has moved, so every table is empty"
        raise Refused(
            f"Export refused: {empty}. Is this the environment that is meant?",
            next_command="rubyops status",
        )
    return Planned((ExportTables(TABLES),), {"tables": len(TABLES)})


COMMAND = Command("export", Params, plan, guard_money=False)
