"""Thaw: let money start again, after this freeze was verified.

When: the incident is over and one whole `rubyops verify` passed since the freeze and since the last
change of any kind (PRD-4e). A person who types this command lifts their own freeze; a run lifts the
freeze of that run. All other freezes stay, and the output names them.
Blast radius: every copy of every process admits players and providers again.
Undo: `rubyops freeze`.
"""

from dataclasses import dataclass

from checks._state import platform_state
from commands._verification import ROWS_MAX, verifying_run
from rubyops.effects.freeze import LiftFreeze
from rubyops.errors import Refused
from rubyops.model.freeze import FreezeTruth
from rubyops.model.step import Command, NoOp, Planned, option
from rubyops.ports import Read, Row
from rubyops.readings.freeze import truth, whose
from wallet_runtime.contract.freeze import OPEN


@dataclass(frozen=True)
class Params:
    """The reason for the freeze history, and an ended run whose freeze to lift as well."""

    reason: str = option("why, kept in the freeze history", "")
    take_over: str = option("lift the freeze of this run, too, which has ended or died", "")


def plan(params: Params, read: Read) -> Planned | NoOp:
    """Plan to lift the caller's freeze. Refuses without a verification of the present state.

    Money is frozen while `control` or the fence row says so. The plan passes the verified state to
    the effect, and the effect is refused if the state has changed by then.
    """
    state = read.one("facts_freeze", database="control")
    found = truth(read)
    if found.verdict.word == OPEN:
        return NoOp(f"money is not frozen, {found.verdict.confirmed} copies confirmed")
    moves = read.rows("topology_move_pending")
    if moves:
        raise _half_a_move(moves[0])
    facts: dict[str, object] = {"level": state["level"], "epoch": state["epoch"]}
    now = platform_state(read)
    if now["freeze"]["level"] == OPEN:
        # The level is open already, and only some copies have not noticed yet.
        return Planned((LiftFreeze(params.reason, params.take_over),), facts)
    facts["verified by"] = _verified_by(read, now, found)
    facts["frozen"] = [whose(layer) for layer in found.layers]
    return Planned((LiftFreeze(params.reason, params.take_over, now),), facts)


def _verified_by(read: Read, now: Row, found: FreezeTruth) -> str:
    rows = read.rows("facts_verifications", database="control", limit=ROWS_MAX)
    run_id, faults = verifying_run(rows, now)
    if run_id is None:
        raise _not_verified(now["freeze"], faults, found)
    return run_id


def _not_verified(freeze: Row, faults: list[str], found: FreezeTruth) -> Refused:
    level, epoch = freeze["level"], freeze["epoch"]
    return Refused(
        f"Thaw refused: this freeze ({level}, epoch {epoch}) is not verified: "
        f"{'; '.join(faults)}. Money stays {found.verdict.sentence}.",
        next_command="rubyops verify",
        details={"missing": faults, "level": level, "epoch": epoch},
    )


def _half_a_move(move: Row) -> Refused:
    if not move["finished"]:
        return Refused(
            f"Thaw refused: topology move {move['run_id']} is not finished, so money lies in "
            "two topologies. Money stays frozen.",
            next_command=f"rubyops runs resume {move['run_id']}",
        )
    return Refused(
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
