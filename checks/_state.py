"""The state of the platform that a verification is valid for (K18).

A verification no longer counts once this state has changed.
"""

from checks.platform.migrations_current import DATABASES, Schema, schema_of
from rubyops.ports import Read, Row
from rubyops.readings.liveness import CopyLife, liveness
from wallet_runtime.contract.freeze import strictness


def platform_state(read: Read) -> Row:
    """Read the state as plain data that can be stored and compared. Raises `Unreachable`.

    It has the freeze level and epoch, the change counters of both databases, the number of the last
    activation, both schemas, and the process behind each live copy.
    """
    freeze = read.one("facts_freeze", database="control")
    change = read.one("facts_platform_change", database="control")
    gate = read.one("facts_gate")
    fence = read.one("facts_fence")
    copies = [copy for copy in liveness(read).copies if copy.fresh()]
    return {
        "freeze": _freeze(freeze, gate),
        "change": _changes(change, fence, gate),
        "schema": {name: _told(schema_of(read, name)) for name in DATABASES},
        "process": {copy.label: _process(copy) for copy in copies},
    }


def _changes(control: Row, fence: Row, gate: Row) -> Row:
    return {
        "control": control["change_no"],
        "platform": fence["change_no"],
        "activation": gate["activation_no"],
    }


def _told(schema: Schema | None) -> str | None:
    return None if schema is None else str(schema)


def _freeze(control: Row, gate: Row) -> Row:
    """Return level and epoch of the stricter side, because a thaw changes `control` first.

    Money stays frozen until the gate row is open, too.
    """
    if strictness(gate["freeze_level"]) > strictness(control["level"]):
        return {"level": gate["freeze_level"], "epoch": gate["freeze_epoch"]}
    return {"level": control["level"], "epoch": control["epoch"]}


def _process(copy: CopyLife) -> str:
    """Describe the copy's process. The heartbeat may have been written by an earlier process."""
    reports = f"{copy.heartbeat_pid} of {copy.version}"
    return reports if copy.pid == copy.heartbeat_pid else f"{copy.pid}, and {reports} reports"
