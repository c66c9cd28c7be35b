"""No event waits in an outbox beyond the limit, and no published one is missing.

When it fails, publishing has stalled or the stream has lost events while money moves: rollings are
not created and not counted. wallet_worker publishes lost events again by itself.
"""

from rubyops.errors import Unreachable
from rubyops.model.finding import Finding, failed, inconclusive, passed
from rubyops.model.step import Check
from rubyops.ports import Read, Row
from wallet_runtime.contract.events import CONSUMER_GROUPS, PARTITIONS

AGE_LIMIT_MS = 5_000
COMPARED_LIMIT_MS = 30_000


def run(read: Read) -> Finding:
    """Look at the oldest unpublished event of the wallet's and the rolling's outbox.

    An empty outbox proves nothing where the consumers' groups cannot be seen: published events
    may be lost, or have no reader.
    """
    row = read.one("facts_outbox")
    depth = row["wallet_unpublished"] + row["rolling_unpublished"]
    age_ms = row["oldest_age_ms"] or 0
    details = {
        "unpublished": depth,
        "oldest_age_ms": age_ms,
        "limit_ms": AGE_LIMIT_MS,
        **{name: row[name] for name in ("unapplied", "missing", "compared_age_ms", "set_aside")},
    }
    if age_ms > AGE_LIMIT_MS:
        waited = f"has waited {age_ms} ms, allowed {AGE_LIMIT_MS} ms"
        return failed(f"the oldest of {depth} unpublished events {waited}", **details)
    if row["missing"]:
        lost = f"{row['missing']} published events were lost by the stream"
        return failed(f"{lost} and are not applied yet", **details)
    unseen = _not_compared(row) or _unread(read, depth)
    if unseen:
        return inconclusive(unseen, **details)
    return passed(f"{depth} unpublished, the oldest {age_ms} ms old", **details)


def _not_compared(row: Row) -> str | None:
    """Report an old comparison for lost events; None if it is recent or no event is unapplied."""
    compared_ms = row["compared_age_ms"]
    if not row["unapplied"] or (compared_ms is not None and compared_ms <= COMPARED_LIMIT_MS):
        return None
    since = "yet" if compared_ms is None else f"for {compared_ms // 1000} s"
    waits = f"{row['unapplied']} published events are not applied"
    return f"{waits}, and wallet_worker has not looked for lost ones {since}"


def _unread(read: Read, depth: int) -> str | None:
    unseen = _unseen(read)
    return None if unseen is None else f"{depth} unpublished, and {unseen}"


def _unseen(read: Read) -> str | None:
    """Report streams that cannot be read or have no consumer group; None if there are none."""
    try:
        known = {(group["stream"], group["group"]) for group in read.groups()}
    except Unreachable as fault:
        return f"the streams cannot be seen: {fault.message}"
    missing = [pair for pair in CONSUMER_GROUPS if pair not in known]
    if not missing:
        return None
    stream, group = missing[0]
    number = sum(other == group for _, other in missing)
    lacking = f"{number} of {PARTITIONS} streams have no group of consumers"
    return f"{lacking}: {stream} has no {group}"


CHECK = Check("outbox-age", "Events are published in time", ("TRG-7",), run)
