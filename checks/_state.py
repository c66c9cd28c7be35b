"""The state of the platform that a verification stands for (K18): whatever moves it takes it away."""

from checks._liveness import liveness
from checks.platform.migrations_current import DATABASES, revision_of
from rubyops.ports import Read, Row


def platform_state(read: Read) -> Row:
    """Read it as plain data. Raises `Unreachable`.

    It holds freeze epoch and level, both change counters, the active pair, the schemas, and which
    process acts as each copy.
    """
    freeze = read.one("facts_freeze", database="control")
    change = read.one("facts_platform_change", database="control")
    gate = read.one("facts_gate")
    copies = [copy for copy in liveness(read).copies if copy.fresh()]
    return {
        "freeze": {"level": freeze["level"], "epoch": freeze["epoch"]},
        "change": {
            "control": change["change_no"],
            "platform": gate["change_no"],
            "activation": gate["activation_no"],
        },
        "schema": {name: revision_of(read, name) for name in DATABASES},
        "process": {copy.label: f"{copy.heartbeat_pid} of {copy.version}" for copy in copies},
    }
