"""Reports which freeze is in force, who owns it and what delays it. Never raises (SPEC 1.6, K2).

Every recap, `status`, prompt and plan uses this report. The rule is `judge` in
wallet_runtime/contract/freeze.py, which wallet_service also uses for its metric.
"""

from collections.abc import Sequence

from rubyops.errors import RubyopsError
from rubyops.model.freeze import FreezeLayer, FreezeTruth
from rubyops.ports import Read
from rubyops.readings.liveness import CopyLife, liveness
from rubyops.readings.locks import FENCE, GATE, held_by
from wallet_runtime.contract.freeze import OPEN, CopySeen, Fence, Verdict, Wanted, judge


def truth(read: Read) -> FreezeTruth:
    """Read `control`, the gate row and every copy, and judge which freeze is in force."""
    wanted, layers, copies = _control(read)
    fence = _fence(read)
    verdict = judge(wanted, fence, [_seen(copy) for copy in copies])
    if verdict.in_force:
        return FreezeTruth(verdict, layers)
    return FreezeTruth(verdict, layers, _held_up_by(read, verdict, fence, copies))


def whose(layer: FreezeLayer) -> str:
    """Describe one freeze layer in words: level, start, owner, reason and run."""
    taken = f", taken over by run {layer.taken_over_by}" if layer.taken_over_by else ""
    return (
        f"{layer.level} since {layer.set_at:%H:%M:%S} UTC ({_age(layer)}) by {layer.set_by}: "
        f"{layer.reason or 'no reason given'} (run {layer.run_id}{taken})"
    )


def _age(layer: FreezeLayer) -> str:
    minutes = layer.age_seconds // 60
    return f"{minutes} min" if minutes else f"{layer.age_seconds} s"


def _control(
    read: Read,
) -> tuple[Wanted | None, tuple[FreezeLayer, ...], Sequence[CopyLife]]:
    try:
        state = read.one("facts_freeze", database="control")
        rows = read.rows("facts_freeze_layers", database="control")
        copies = [copy for copy in liveness(read).copies if not copy.ended]
    except RubyopsError:
        return None, (), ()
    wanted = Wanted(str(state["level"]), int(state["epoch"]))
    return wanted, tuple(FreezeLayer(**row) for row in rows), copies


def _fence(read: Read) -> Fence | None:
    try:
        gate = read.one("facts_gate")
    except RubyopsError:
        return None
    return Fence(gate["freeze_level"], gate["freeze_epoch"], gate["settled_epoch"])


def _seen(copy: CopyLife) -> CopySeen:
    runs = None if copy.driver_state is None else copy.driver_state == "running"
    return CopySeen(copy.label, copy.heartbeat_age_ms, copy.acknowledged_epoch, runs)


def _held_up_by(
    read: Read, verdict: Verdict, fence: Fence | None, copies: Sequence[CopyLife]
) -> tuple[str, ...]:
    """List the causes of the delay: first sessions with a lock, then copies that lag behind."""
    pids = {copy.label: copy.pid for copy in copies if copy.pid}
    sessions = _sessions(read, verdict, fence)
    return (*sessions, *(_with_pid(fault, pids) for fault in verdict.missing))


def _sessions(read: Read, verdict: Verdict, fence: Fence | None) -> tuple[str, ...]:
    is_settled = fence is not None and fence.settled_epoch == verdict.epoch
    sessions = () if is_settled else held_by(read, GATE)
    if verdict.wanted == OPEN:
        # A thaw also needs a lock on the fence table to lower the gate row.
        sessions = (*sessions, *held_by(read, FENCE))
    return tuple(dict.fromkeys(sessions))


def _with_pid(fault: str, pids: dict[str, int]) -> str:
    pid = next((pid for label, pid in pids.items() if fault.startswith(f"{label} ")), None)
    return f"{fault}; to restart it: kill -9 {pid}" if pid else fault
