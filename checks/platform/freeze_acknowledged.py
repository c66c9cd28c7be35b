"""The freeze level in `control` is in the operated database's fence row and every running copy has acknowledged it.

When it fails, the platform is "freezing" (or "thawing"), not frozen: some copy may still act on the level before.
"""

from checks._answer import all_true
from rubyops.model.finding import Finding
from rubyops.model.step import Check
from rubyops.ports import Copy, Read, Row

RUNNING = "running"


def run(read: Read) -> Finding:
    """Compare the epoch in `control` with the fence row and with what each running copy acknowledged."""
    state = read.one("facts_freeze", database="control")
    level, epoch = str(state["level"]), int(state["epoch"])
    reported = {(row["process"], row["copy"]): row for row in read.rows("facts_service_copies", database="control")}
    running = [copy for copy in read.copies() if copy.state == RUNNING]
    faults = _fence_faults(read.one("facts_gate"), level, epoch)
    faults += [fault for copy in running if (fault := _fault(copy, reported.get((copy.process, copy.number)), epoch))]
    return all_true(
        faults,
        holds=f"{level} at epoch {epoch}, {len(running)} of {len(running)} copies confirmed",
        broken=f"{level} at epoch {epoch} is not in force everywhere",
        level=level,
        epoch=epoch,
    )


def _fence_faults(gate: Row, level: str, epoch: int) -> list[str]:
    found = (str(gate["freeze_level"]), int(gate["freeze_epoch"]))
    return [] if found == (level, epoch) else [f"the fence row says {found[0]} at epoch {found[1]}"]


def _fault(copy: Copy, row: Row | None, epoch: int) -> str | None:
    label = f"{copy.process} copy {copy.number}"
    if row is None:
        return f"{label} never reported"
    acknowledged = int(row["acknowledged_epoch"])
    return None if acknowledged == epoch else f"{label} acknowledged epoch {acknowledged}"


CHECK = Check("freeze-acknowledged", "Every copy confirmed the freeze level", ("PRD-0",), run)
