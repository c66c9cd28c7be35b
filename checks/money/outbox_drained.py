"""Every event is published and applied, and every consumer group has acknowledged its streams.

When it fails, a stopped consumer, an activation or a restore would leave events of money behind.
This is a look from outside. `rubyops drain-outbox` proves it under a table lock, with a canary
event that has to arrive.
"""

from checks._answer import all_true
from rubyops.model.finding import Finding
from rubyops.model.step import Check
from rubyops.ports import Read, Row
from wallet_runtime.contract.events import CONSUMER_GROUPS


def run(read: Read) -> Finding:
    """Count unpublished events and those that no consumer has applied, then look at each group.

    An event that a stream has lost is in no group's backlog, so the outbox is compared with the
    records of every consumer.
    """
    row = read.one("facts_outbox")
    faults = [
        f"{row[name]} events in the {name.split('_')[0]} outbox are unpublished"
        for name in ("wallet_unpublished", "rolling_unpublished")
        if row[name]
    ]
    if row["unapplied"]:
        lost = f", {row['missing']} of them lost by the stream" if row["missing"] else ""
        faults.append(
            f"{row['unapplied']} published events are not applied by their consumer{lost}"
        )
    groups = {(group["stream"], group["group"]): group for group in read.groups()}
    faults += [
        f"stream {stream} has no group {group}"
        for stream, group in CONSUMER_GROUPS
        if (stream, group) not in groups
    ]
    faults += [fault for group in groups.values() if (fault := _fault(group))]
    holds = f"0 unpublished, 0 unapplied, {len(groups)} groups caught up" + (
        f", {row['set_aside']} events set aside" if row["set_aside"] else ""
    )
    return all_true(faults, holds=holds, broken="not drained", set_aside=row["set_aside"])


def _fault(group: Row) -> str | None:
    label = f"group {group['group']} on {group['stream']}"
    if group["lag"] or group["pending"]:
        return f"{label}: {group['lag']} to read, {group['pending']} not acknowledged"
    return None


CHECK = Check("outbox-drained", "Every event is published and consumed", ("PRD-1a",), run)
