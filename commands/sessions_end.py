"""End one session of the operated database that holds a freeze or a drain up.

When: `rubyops freeze`, `rubyops drain-outbox` or `rubyops status` names the session. The command
works even while a run holds the lock.
Blast radius: that session; its transaction is rolled back. Undo: none; the client reconnects.
"""

from dataclasses import dataclass

from rubyops.effects.freeze import EndSession
from rubyops.errors import Refused
from rubyops.model.step import Command, Planned, option
from rubyops.ports import Read, Row
from rubyops.readings.locks import HARMLESS, holders


@dataclass(frozen=True)
class Params:
    """The process id of the session's backend."""

    pid: int = option("the process id that `rubyops status` names")


def plan(params: Params, read: Read) -> Planned:
    """Plan to end the session.

    Refuses a session that holds no harmful lock on the gate row, the fence row or the outbox.
    """
    rows = [row for table in HARMLESS for row in holders(read, table, older_seconds=0.0)]
    found = next((row for row in rows if row["pid"] == params.pid), None)
    if found is None:
        raise _harmless(params.pid, rows)
    facts = {name: str(found[name]) for name in ("application", "role", "state", "query")}
    return Planned((EndSession(params.pid, found["backend_start"].isoformat()),), {**facts})


def _harmless(pid: int, rows: list[Row]) -> Refused:
    held = ", ".join(dict.fromkeys(str(row["pid"]) for row in rows)) or "none"
    return Refused(
        f"Session {pid} holds nothing up (sessions that do: {held}); nothing was ended.",
        next_command="rubyops status",
    )


COMMAND = Command("sessions-end", Params, plan, guard_money=False)
