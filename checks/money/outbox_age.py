"""No event waits in an outbox for longer than the limit.

When it fails, publishing has stalled while money moves: rollings are not created and not counted.
"""

from rubyops.model.finding import Finding, failed, passed
from rubyops.model.step import Check
from rubyops.ports import Read

AGE_LIMIT_MS = 5_000


def run(read: Read) -> Finding:
    """Look at the oldest unpublished event of the wallet's and the rolling's outbox."""
    row = read.one("facts_outbox")
    depth, age_ms = row["wallet_unpublished"] + row["rolling_unpublished"], row["oldest_age_ms"] or 0
    details = {"unpublished": depth, "oldest_age_ms": age_ms, "limit_ms": AGE_LIMIT_MS, "set_aside": row["set_aside"]}
    if age_ms > AGE_LIMIT_MS:
        return failed(f"the oldest of {depth} unpublished events has waited {age_ms} ms, allowed {AGE_LIMIT_MS} ms", **details)
    return passed(f"{depth} unpublished, the oldest {age_ms} ms old", **details)


CHECK = Check("outbox-age", "Events are published in time", ("TRG-7",), run)
