"""Thaw: let money start again, after this freeze was verified.

When: the incident is over and one whole `rubyops verify` passed since the freeze and since the last
change of any kind (PRD-4e). It lifts the freeze of the person who types it, or of the run that it
is a step of. Other freezes stay and are named.
Blast radius: every copy of every process admits players and providers again.
Undo: `rubyops freeze`.
"""

from dataclasses import dataclass

from checks._freeze import truth, whose
from checks._state import platform_state
from commands._verification import ROWS_MAX, verifying_run
from rubyops.effects.freeze import LiftFreeze
from rubyops.errors import Refused
from rubyops.model.freeze import FreezeTruth
from rubyops.model.step import Command, NoOp, Planned, option
from rubyops.ports import Read, Row
from wallet_runtime.contract.freeze import OPEN


@dataclass(frozen=True)
class Params:
    """Why money may move again, kept in the freeze history; and a run whose freeze to take over."""

    reason: str = option("why, kept in the freeze history", "")
    take_over: str = option("lift the freeze of this run, too, which has ended or died", "")


def plan(params: Params, read: Read) -> Planned | NoOp:
    """Want one's own freeze lifted; refuse without a whole verification of this very state.

    Money is frozen as long as `control` or the fence row says so. The state goes with the effect,
    which is refused on any other.
    """
    state = read.one("facts_freeze", database="control")
    found = truth(read)
    if found.verdict.word == OPEN:
        return NoOp(f"money is not frozen, {found.verdict.confirmed} copies confirmed")
    _refuse_half_a_move(read)
    facts: dict[str, object] = {"level": state["level"], "epoch": state["epoch"]}
    now = platform_state(read)
    if now["freeze"]["level"] == OPEN:
        # Only copies are late to hear of it; nothing is lowered.
        return Planned((LiftFreeze(params.reason, params.take_over),), facts)
    facts["verified by"] = _verified_by(read, now, found)
    facts["frozen"] = [whose(layer) for layer in found.layers]
    return Planned((LiftFreeze(params.reason, params.take_over, now),), facts)


def _verified_by(read: Read, now: Row, found: FreezeTruth) -> str:
    rows = read.rows("facts_verifications", database="control", limit=ROWS_MAX)
    run_id, faults = verifying_run(rows, now)
    if run_id is None:
        level, epoch = now["freeze"]["level"], now["freeze"]["epoch"]
        raise Refused(
            f"Thaw refused: this freeze ({level}, epoch {epoch}) is not verified: "
            f"{'; '.join(faults)}. Money stays {found.verdict.sentence}.",
            next_command="rubyops verify",
            details={"missing": faults, "level": level, "epoch": epoch},
        )
    return run_id


def _refuse_half_a_move(read: Read) -> None:
    for move in read.rows("topology_move_pending"):
        if not move["finished"]:
            raise Refused(
                f"Thaw refused: topology move {move['run_id']} is not finished, so money lies in "
                "two topologies. Money stays frozen.",
                next_command=f"rubyops runs resume {move['run_id']}",
            )
        raise Refused(
            f"Thaw refused: {move['run_id']} moved money to {move['home']}, and {move['active']} "
            "is active. Money stays frozen.",
            next_command=f"rubyops topology activate {move['home']} newest",
        )


COMMAND = Command(
    "thaw",
    Params,
    plan,
    undo="rubyops freeze",
    unplannable="whether it may thaw is known once the verification of this freeze has run",
)
