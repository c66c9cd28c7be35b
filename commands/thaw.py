"""Thaw: let money start again, after this freeze was verified.

When: the incident is over and `rubyops verify` passed since the freeze, at its present level (PRD-4e).
Blast radius: players and providers get in again, every copy of every process. Undo: `rubyops freeze`.
"""

from dataclasses import dataclass

from commands._facts import VERIFICATION_KINDS, acknowledged_within
from rubyops.errors import Refused
from rubyops.model.effect import SetFreeze
from rubyops.model.step import Command, NoOp, Wanted, option
from rubyops.ports import Read
from wallet_runtime.contract import OPEN


@dataclass(frozen=True)
class Params:
    """Why money may move again; kept in the freeze history."""

    reason: str = option("why, kept in the freeze history", "")


def plan(params: Params, read: Read) -> Wanted | NoOp:
    """Want the level open; refuse while any part of the verification is missing at the present freeze epoch."""
    state = read.one("facts_freeze", database="control")
    level, epoch = state["level"], state["epoch"]
    if level == OPEN and read.one("facts_gate")["freeze_level"] == OPEN:
        return NoOp("money is not frozen")
    _refuse_half_a_move(read)
    passed = {row["kind"] for row in read.rows("facts_verifications", database="control", freeze_epoch=epoch)}
    missing = [kind for kind in VERIFICATION_KINDS if kind not in passed]
    if missing and level != OPEN:
        raise Refused(
            f"Thaw refused: {', '.join(missing)} not verified since this freeze ({level}, epoch {epoch}). Money stays frozen.",
            next_command="rubyops verify",
            details={"missing": missing, "passed": sorted(passed), "level": level, "epoch": epoch},
        )
    return Wanted((SetFreeze("open", params.reason), acknowledged_within()), {"level": level, "epoch": epoch, "verified": sorted(passed)})


def _refuse_half_a_move(read: Read) -> None:
    for move in read.rows("topology_move_pending"):
        if not move["finished"]:
            raise Refused(
                f"Thaw refused: topology move {move['run_id']} is not finished, so money lies in two topologies. Money stays frozen.",
                next_command=f"rubyops runs resume {move['run_id']}",
            )
        raise Refused(
            f"Thaw refused: {move['run_id']} moved money to {move['home']}, and {move['active']} is active. Money stays frozen.",
            next_command=f"rubyops topology activate {move['home']} newest",
        )


COMMAND = Command(
    "thaw",
    "Let money start again after a verified freeze",
    Params,
    plan,
    undo="rubyops freeze",
    unplannable="whether it may thaw is known once the verification of this freeze has run",
)
