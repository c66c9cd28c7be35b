"""The state of the platform that a verification stands for (K18).

A change of it takes the verification away.
"""

from checks._liveness import CopyLife, liveness
from checks.platform.migrations_current import DATABASES, Schema, schema_of
from rubyops.ports import Read, Row
from wallet_runtime.contract.freeze import strictness


def platform_state(read: Read) -> Row:
    """Read it as plain data. Raises `Unreachable`.

    It holds freeze epoch and level, both change counters, the active pair, the schemas, and which
    process acts as each copy.
    """
    freeze = read.one("facts_freeze", database="control")
    change = read.one("facts_platform_change", database="control")
    gate = read.one("facts_gate")
    fence = read.one("facts_fence")
    copies = [copy for copy in liveness(read).copies if copy.fresh()]
    return {
        "freeze": _freeze(freeze, gate),
        "change": {
            "control": change["change_no"],
            "platform": fence["change_no"],
            "activation": gate["activation_no"],
        },
        "schema": {name: _told(schema_of(read, name)) for name in DATABASES},
        "process": {copy.label: _process(copy) for copy in copies},
    }


def _told(schema: Schema | None) -> str | None:
    return None if schema is None else str(schema)


def _freeze(control: Row, gate: Row) -> Row:
    """Return the stricter side: a lifted freeze lasts until the fence row is lowered."""
    if strictness(gate["freeze_level"]) > strictness(control["level"]):
        return {"level": gate["freeze_level"], "epoch": gate["freeze_epoch"]}
    return {"level": control["level"], "epoch": control["epoch"]}


def _process(copy: CopyLife) -> str:
    """Name the process that acts; a heartbeat may still be the one of a dead process."""
    reports = f"{copy.heartbeat_pid} of {copy.version}"
    return reports if copy.pid == copy.heartbeat_pid else f"{copy.pid}, and {reports} reports"
