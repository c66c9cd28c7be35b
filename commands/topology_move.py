"""Move everything in one topology's buckets to another's, or take a move back (A7-8).

When: money is sealed and drained, before a topology of another code is activated. A signed
data-migration plan must name the digest of the mapping document. The dry-run shows this digest.
Blast radius: every balance, coupon grant, bonus and rolling obligation of the topology. Players
cannot reach them until the other topology is active.
Undo: `rubyops topology move --undo RUN`, as long as the moved money was not used since.
"""

import json
from dataclasses import dataclass
from typing import Any

from checks.money import outbox_drained
from checks.platform import freeze_acknowledged
from commands._documents import read_document
from rubyops.effects.base import AnyEffect
from rubyops.effects.topology_move import MoveTopology, UndoTopologyMove
from rubyops.errors import Refused, UsageError
from rubyops.model.step import Command, NoOp, Planned, option
from rubyops.ports import Read, Row
from wallet_runtime.contract.freeze import SEALED

FIELDS = ("from", "to", "buckets", "signed_plan")
LISTED_MAX = 20
SEAL = "rubyops freeze --level sealed"


@dataclass(frozen=True)
class Params:
    """The mapping document and its confirmed digest, or the run whose move to undo."""

    file: str = ""
    plan_digest: str = option("the digest that the signed plan names, as the dry-run shows it", "")
    undo: str = option("take back what this run moved, in place of a document", "")
    batch_size: int = option("players in a batch", 500)
    dry_run: bool = False


def plan(params: Params, read: Read) -> Planned | NoOp:
    """Plan the move, or the undo of one. Refuses a wrong digest and money that is not drained."""
    if bool(params.file) == bool(params.undo):
        raise UsageError(
            "name a mapping document, or with --undo the run to take back",
            next_command="rubyops topology move --help",
        )
    if params.batch_size < 1:
        raise UsageError(
            f"--batch-size is {params.batch_size}, and a batch has at least one player"
        )
    effect, facts, obstacles = _undo(params, read) if params.undo else _move(params, read)
    if effect is None:
        return NoOp(str(facts["reason"]))
    obstacles = [*_not_still(read), *obstacles]
    if params.dry_run:
        more = {"must be settled first": obstacles} if obstacles else {}
        return Planned((effect,), facts | more)
    if obstacles:
        listed = "\n".join(f"  {obstacle}" for obstacle in obstacles)
        raise Refused(
            f"The move is refused, nothing was moved:\n{listed}",
            next_command=_next(params, read),
            details={"obstacles": obstacles},
        )
    return Planned((effect,), facts)


def _move(params: Params, read: Read) -> tuple[AnyEffect | None, dict[str, object], list[str]]:
    document = _mapping(params.file)
    text = json.dumps(document)
    digest = str(read.one("topology_move_digest", document=text)["digest"])
    code = document["from"]["code"]
    obstacles = [
        str(row["obstacle"]) for row in read.rows("topology_move_obstacles", document=text)
    ]
    if params.plan_digest != digest and not params.dry_run:
        obstacles.append(
            f"--plan-digest is {params.plan_digest or 'missing'}, the document's is {digest}"
        )
    facts: dict[str, object] = {
        "digest": digest,
        "signed plan": document["signed_plan"],
        "moves": _reach(document["buckets"], read, code),
    }
    grants = read.one("topology_move_grants", code=code)
    if not facts["moves"] and not grants["grants"]:
        obstacles.append(f"nobody holds anything in the buckets of {code}: nothing to move")
    facts["coupon grants led along"] = f"{grants['grants']} of {grants['players']} players"
    return MoveTopology(document, digest, params.batch_size), facts, obstacles


def _reach(buckets: dict[str, str], read: Read, code: str) -> list[str]:
    """Return a line for each bucket and currency: the target bucket, the players and the amount."""
    return [
        f"{row['bucket']} -> {buckets.get(row['bucket'], 'not mapped')}: {_money(row)}, "
        f"{row['rollings']} rollings, {row['bonuses']} bonuses"
        for row in read.rows("topology_move_reach", code=code)
    ]


def _undo(params: Params, read: Read) -> tuple[AnyEffect | None, dict[str, object], list[str]]:
    found = read.rows("topology_move_run", run_id=params.undo)
    if not found or found[0]["undoes"] is not None:
        raise UsageError(
            f"{params.undo!r} is not a run that moved a topology", next_command="rubyops runs list"
        )
    run = found[0]
    if run["undone_by"] is not None:
        return None, {"reason": f"run {params.undo} was taken back by run {run['undone_by']}"}, []
    if not run["finished"]:
        raise Refused(
            f"Run {params.undo} is not finished: finish it, then take it back.",
            next_command=f"rubyops runs resume {params.undo}",
        )
    conflicts = read.rows("topology_move_conflicts", run_id=params.undo, limit=LISTED_MAX)
    facts: dict[str, object] = {
        "moves back": [_moved(row) for row in read.rows("topology_move_money", run_id=params.undo)],
        "led back": f"{run['referring']} grants, bonuses and rollings",
        "confirmed by": run["confirmed_by"],
        "digest": run["digest"],
    }
    return UndoTopologyMove(params.undo, run["digest"], params.batch_size), facts, _told(conflicts)


def _moved(row: Row) -> str:
    return f"{row['to_bucket']} -> {row['from_bucket']}: {_money(row)}"


def _money(row: Row) -> str:
    return f"{row['players']} players, {row['amount']} minor units of {row['currency']}"


def _told(conflicts: list[Row]) -> list[str]:
    lines = [
        f"player {row['player_id']} of brand {row['brand_id']}: {row['subject']}: {row['reason']}"
        for row in conflicts
    ]
    total = conflicts[0]["total"] if conflicts else 0
    return lines + ([f"... and {total - len(lines)} more"] if total > len(lines) else [])


def _not_still(read: Read) -> list[str]:
    """Return the reasons why money may still move.

    Money may move when it is not sealed, a copy has not confirmed the seal, or events are pending.
    """
    level = read.one("facts_gate")["freeze_level"]
    if level != SEALED:
        return [
            f"the freeze level is {level}, and a topology is moved only while money is {SEALED}"
        ]
    findings = (freeze_acknowledged.run(read), outbox_drained.run(read))
    return [finding.summary for finding in findings if not finding.ok]


def _next(params: Params, read: Read) -> str:
    if read.one("facts_gate")["freeze_level"] != SEALED:
        return SEAL
    named = f"--undo {params.undo}" if params.undo else params.file
    return f"rubyops topology move {named} --dry-run"


def _mapping(file: str) -> dict[str, Any]:
    """Read a mapping document. Raises `UsageError` with every fault of its form."""
    document = read_document(file)
    wrong = [f"{name}: there is no such field" for name in document if name not in FIELDS]
    wrong += [f"{name}: is missing" for name in FIELDS if name not in document]
    for name in ("from", "to"):
        side = document.get(name)
        if name in document and not (
            isinstance(side, dict) and set(side) == {"code", "version"} and _is_version(side)
        ):
            wrong.append(
                f"{name}: needs code (text) and version (a whole number from 1), and nothing else"
            )
    buckets = document.get("buckets")
    if "buckets" in document and not (
        isinstance(buckets, dict) and all(isinstance(target, str) for target in buckets.values())
    ):
        wrong.append("buckets: is an object from bucket code to bucket code")
    if "signed_plan" in document and not (
        isinstance(document["signed_plan"], str) and document["signed_plan"].strip()
    ):
        wrong.append("signed_plan: names the signed data-migration plan that this move is part of")
    if wrong:
        raise UsageError(f"{file} is no mapping document: " + "; ".join(wrong))
    return document


def _is_version(side: dict[str, object]) -> bool:
    version = side["version"]
    return (
        isinstance(side["code"], str)
        and isinstance(version, int)
        and not isinstance(version, bool)
        and version > 0
    )


COMMAND = Command(
    "topology-move",
    Params,
    plan,
    undo="rubyops topology move --undo RUN",
)
