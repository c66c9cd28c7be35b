"""Create missing wallet balances of legacy players, with opening money in the ledger.

When: before the ledger decides withdrawals (LE-4). Blast radius: only missing rows are written;
existing rows are skipped. A player whose money cannot be converted exactly is listed as an error.
Undo: not needed while nothing reads the ledger for decisions.
"""

from dataclasses import dataclass

from rubyops.effects.backfill import Backfill
from rubyops.errors import Refused
from rubyops.model.recorded import DRY_RUN_PREFIX, Evidence
from rubyops.model.step import Command, NoOp, Planned, option
from rubyops.ports import EnvironmentFacts, Read

COUNTERS = ("scanned", "created", "skipped_exists", "updated_forced", "errors")


@dataclass(frozen=True)
class Params:
    """Batch size, an optional tenant, and the expected count that may replace a dry-run."""

    batch_size: int = option("players in a batch", 1000)
    tenant_id: str | None = option("only this tenant (a UUID)", None)
    dry_run: bool = False
    expect_created: int | None = option(
        "the count of rows you expect, in place of a recorded dry-run", None
    )


def scope(tenant_id: str | None) -> str:
    """Return the name of a backfill's scope: the tenant, or "all". Dry-runs are recorded by it."""
    return tenant_id or "all"


def plan(params: Params, read: Read) -> Planned | NoOp:
    """Plan to create the missing rows.

    Refuses when neither a dry-run of this scope is recorded nor the right count was typed.
    """
    counts = _preview(params, read)
    if not counts["created"] and not counts["errors"]:
        _refuse_nobody(params, counts["scanned"], read)
        held = f"{counts['skipped_exists']} of {counts['scanned']}"
        return NoOp(f"nothing to create: {held} players have their wallet balance")
    facts: dict[str, object] = {**counts}
    if not params.dry_run:
        evidence = read.results(DRY_RUN_PREFIX + scope(params.tenant_id))
        facts["differs from dry-run"] = _difference(params, counts, evidence)
    return Planned((Backfill(params.batch_size, params.tenant_id),), facts)


def _preview(params: Params, read: Read) -> dict[str, int]:
    row = read.one("backfill_preview", tenant_id=params.tenant_id)
    return {name: int(row.get(name) or 0) for name in COUNTERS}


def _refuse_nobody(params: Params, scanned: int, read: Read) -> None:
    """Raise `Refused` when the scope has no player. An empty scope is not a finished backfill."""
    found = read.one("facts_legacy_players")
    if params.tenant_id is not None and not scanned:
        raise Refused(
            f"Backfill refused: no player is of tenant {params.tenant_id}; "
            f"{found['players']} legacy players are here, of {found['tenants']} tenants.",
            next_command="rubyops backfill --dry-run",
        )
    if not found["players"]:
        raise Refused(
            "Backfill refused: there is no legacy player here, so nothing was looked at.",
            next_command="rubyops seed-players",
        )


def _difference(params: Params, counts: dict[str, int], evidence: Evidence) -> dict[str, str]:
    if params.expect_created is not None:
        _refuse_other_count(params.expect_created, counts["created"])
        return {}
    shown = evidence.result
    if shown is None:
        raise _no_dry_run(params, evidence)
    return {
        name: f"{shown[name]} -> {counts[name]}"
        for name in COUNTERS
        if name in shown and int(shown[name]) != counts[name]
    }


def _refuse_other_count(announced: int, missing: int) -> None:
    if announced != missing:
        raise Refused(
            f"Backfill refused: {announced} rows were announced, "
            f"{missing} are missing; nothing was written."
        )


def _no_dry_run(params: Params, evidence: Evidence) -> Refused:
    only = f" --tenant-id {params.tenant_id}" if params.tenant_id else ""
    return Refused(
        f"Backfill refused: no dry-run of scope {scope(params.tenant_id)} is recorded for "
        f"this commit{evidence.because()}; nothing was written.",
        next_command=f"rubyops backfill --dry-run{only}",
    )


def records(params: Params, facts: EnvironmentFacts) -> str:
    """Return the name under which a dry-run is recorded, for the real run to compare with."""
    del facts
    return DRY_RUN_PREFIX + scope(params.tenant_id)


COMMAND = Command("backfill", Params, plan, records=records)
