"""Create missing wallet balances of legacy players, with opening money in the ledger.

When: before the ledger decides withdrawals (LE-4). Blast radius: missing rows. Existing rows are
skipped. Players whose money cannot be converted exactly are listed, never guessed. Undo: none
needed while nothing decides by the ledger.
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
    """Batch size, an optional tenant, and the expected count for a run without a dry-run."""

    batch_size: int = option("players in a batch", 1000)
    tenant_id: str | None = option("only this tenant (a UUID)", None)
    dry_run: bool = False
    expect_created: int | None = option(
        "the count of rows you expect, in place of a recorded dry-run", None
    )


def scope(tenant_id: str | None) -> str:
    """Name the scope of a backfill, under which its dry-run is recorded."""
    return tenant_id or "all"


def plan(params: Params, read: Read) -> Planned | NoOp:
    """Want the rows created; refuse a scope without a dry-run, and a wrong typed count."""
    preview = read.one("backfill_preview", tenant_id=params.tenant_id)
    counts = {name: int(preview.get(name) or 0) for name in COUNTERS}
    if not counts["created"] and not counts["errors"]:
        _refuse_nobody(params, counts["scanned"], read)
        held = f"{counts['skipped_exists']} of {counts['scanned']}"
        return NoOp(f"nothing to create: {held} players have their wallet balance")
    facts: dict[str, object] = {**counts}
    if not params.dry_run:
        evidence = read.results(DRY_RUN_PREFIX + scope(params.tenant_id))
        facts["differs from dry-run"] = _difference(params, counts, evidence)
    return Planned((Backfill(params.batch_size, params.tenant_id),), facts)


def _refuse_nobody(params: Params, scanned: int, read: Read) -> None:
    """Raise `Refused` where there is no player to look at: that is no finished backfill."""
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
        if params.expect_created != counts["created"]:
            raise Refused(
                f"Backfill refused: {params.expect_created} rows were announced, "
                f"{counts['created']} are missing; nothing was written."
            )
        return {}
    shown = evidence.result
    if shown is None:
        only = f" --tenant-id {params.tenant_id}" if params.tenant_id else ""
        raise Refused(
            f"Backfill refused: no dry-run of scope {scope(params.tenant_id)} is recorded for "
            f"this commit{evidence.because()}; nothing was written.",
            next_command=f"rubyops backfill --dry-run{only}",
        )
    return {
        name: f"{shown[name]} -> {counts[name]}"
        for name in COUNTERS
        if name in shown and int(shown[name]) != counts[name]
    }


def records(params: Params, facts: EnvironmentFacts) -> str:
    """Name the result of a dry-run of this scope, which the real run compares itself with."""
    del facts
    return DRY_RUN_PREFIX + scope(params.tenant_id)


COMMAND = Command("backfill", Params, plan, records=records)
