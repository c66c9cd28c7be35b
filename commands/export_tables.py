"""Export the wallet's tables in one snapshot, for an investigation (PRD-T2a, NPR-3).

When: before a rollback changes what the investigation needs. Blast radius: reads only; files go to the environment's export
folder with counts and digests. Undo: delete the folder.
"""

from dataclasses import dataclass

from rubyops.model.effect import ExportTables
from rubyops.model.step import Command, Wanted
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
    """No parameters: the runbook names the seven tables."""


def plan(params: Params, read: Read) -> Wanted:
    """Want all seven tables."""
    del params, read
    return Wanted((ExportTables(TABLES),), {"tables": len(TABLES)})


COMMAND = Command("export", "Export the seven wallet tables in one snapshot", Params, plan, guard_money=False)
