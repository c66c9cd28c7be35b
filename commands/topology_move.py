"""Move everything in one topology's buckets to another's, or take a move back (A7-8).

When: money is sealed and drained, before a topology of another code is activated. A signed
data-migration plan must name the digest of the mapping document. The dry-run shows this digest.
Blast radius: every balance, coupon grant, bonus and rolling obligation of the topology. Players
cannot reach them until the other topology is active.
Undo: `rubyops topology move --undo RUN`, as long as the moved money was not used since.
"""

import json
from collections.abc import Callable, Iterator
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
    _demand_usage(params)
    effect, facts, obstacles = _undo(params, read) if params.undo else _move(params, read)
    if effect is None:
        return NoOp(str(facts["reason"]))
    obstacles = [*_not_still(read), *obstacles]
    if params.dry_run:
        more = {"must be settled first": obstacles} if obstacles else {}
        return Planned((effect,), facts | more)
    if obstacles:
        raise _hindered(obstacles, _next(params, read))
    return Planned((effect,), facts)


def _hindered(obstacles: list[str], next_command: str) -> Refused:
    listed = "\n".join(f"  {obstacle}" for obstacle in obstacles)
    return Refused(
        f"The move is refused, nothing was moved:\n{listed}",
        next_command=next_command,
        details={"obstacles": obstacles},
    )


def _demand_usage(params: Params) -> None:
    if bool(params.file) == bool(params.undo):
        raise UsageError(
            "name a mapping document, or with --undo the run to take back",
            next_command="rubyops topology move --help",
        )
    if params.batch_size < 1:
        raise UsageError(
            f"--batch-size is {params.batch_size}, and a batch has at least one player"
        )


def _move(params: Params, read: Read) -> tuple[AnyEffect | None, dict[str, object], list[str]]:
    document = _mapping(params.file)
    text, code = json.dumps(document), document["from"]["code"]
    digest = str(read.one("topology_move_digest", document=text)["digest"])
    obstacles = [*_obstacles(text, read), *_wrong_digest(params, digest)]
    moves = _reach(document["buckets"], read, code)
    grants = read.one("topology_move_grants", code=code)
    if not moves and not grants["grants"]:
        obstacles.append(f"nobody holds anything in the buckets of {code}: nothing to move")
    facts = {
        "digest": digest,
        "signed plan": document["signed_plan"],
        "moves": moves,
        "coupon grants led along": f"{grants['grants']} of {grants['players']} players",
    }
    return MoveTopology(document, digest, params.batch_size), facts, obstacles


def _obstacles(document: str, read: Read) -> list[str]:
    rows = read.rows("topology_move_obstacles", document=document)
    return [str(row["obstacle"]) for row in rows]


def _wrong_digest(params: Params, digest: str) -> Iterator[str]:
    if params.plan_digest != digest and not params.dry_run:
        given = params.plan_digest or "missing"
        yield f"--plan-digest is {given}, the document's is {digest}"


def _reach(buckets: dict[str, str], read: Read, code: str) -> list[str]:
    """Return a line for each bucket and currency: the target bucket, the players and the amount."""
    return [
        f"{row['bucket']} -> {buckets.get(row['bucket'], 'not mapped')}: {_money(row)}, "
        f"{row['rollings']} rollings, {row['bonuses']} bonuses"
        for row in read.rows("topology_move_reach", code=code)
    ]


def _undo(params: Params, read: Read) -> tuple[AnyEffect | None, dict[str, object], list[str]]:
    run_id, run = params.undo, _run_to_undo(params.undo, read)
    if run["undone_by"] is not None:
        return None, {"reason": f"run {run_id} was taken back by run {run['undone_by']}"}, []
    if not run["finished"]:
        raise Refused(
            f"Run {run_id} is not finished: finish it, then take it back.",
            next_command=f"rubyops runs resume {run_id}",
        )
    conflicts = read.rows("topology_move_conflicts", run_id=run_id, limit=LISTED_MAX)
    facts: dict[str, object] = {
        "moves back": [_moved(row) for row in read.rows("topology_move_money", run_id=run_id)],
        "led back": f"{run['referring']} grants, bonuses and rollings",
        "confirmed by": run["confirmed_by"],
        "digest": run["digest"],
    }
    return UndoTopologyMove(run_id, run["digest"], params.batch_size), facts, _told(conflicts)


def _run_to_undo(run_id: str, read: Read) -> Row:
    found = read.rows("topology_move_run", run_id=run_id)
    if not found or found[0]["undoes"] is not None:
        raise UsageError(
            f"{run_id!r} is not a run that moved a topology", next_command="rubyops runs list"
        )
    return found[0]


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
    for name, (fits, rule) in FIELDS.items():
        if name in document and not fits(document[name]):
            wrong.append(f"{name}: {rule}")
    if wrong:
        raise UsageError(f"{file} is no mapping document: " + "; ".join(wrong))
    return document


def _is_side(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"code", "version"} and _is_version(value)


def _is_version(side: dict[str, object]) -> bool:
    version = side["version"]
    is_number = isinstance(version, int) and not isinstance(version, bool) and version > 0
    return isinstance(side["code"], str) and is_number


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(target, str) for target in value.values())


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


_SIDE = "needs code (text) and version (a whole number from 1), and nothing else"
_BUCKETS = "is an object from bucket code to bucket code"
_PLAN = "names the signed data-migration plan that this move is part of"
# The fields of a mapping document. Each has a test of its value, and a message for a wrong value.
FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "from": (_is_side, _SIDE),
    "to": (_is_side, _SIDE),
    "buckets": (_is_mapping, _BUCKETS),
    "signed_plan": (_is_text, _PLAN),
}


COMMAND = Command(
    "topology-move",
    Params,
    plan,
    undo="rubyops topology move --undo RUN",
)
