"""The freeze level that `control` wants is in force: fence row and every copy that may act agree.

When it fails, the platform is "freezing" or "thawing", because some copy may still act on the
previous level. The check never passes without any copy, or while `control` does not answer.
"""

from rubyops.model.finding import Finding, failed, inconclusive, passed
from rubyops.model.step import Check
from rubyops.ports import Read
from rubyops.readings.freeze import truth
from wallet_runtime.contract.freeze import UNKNOWN


def run(read: Read) -> Finding:
    """Compare `control`, the gate row and every copy, also copies that the driver does not know."""
    found = truth(read)
    verdict = found.verdict
    details: dict[str, object] = {"level": verdict.wanted, "epoch": verdict.epoch}
    if verdict.in_force:
        copies = f"{verdict.confirmed} of {verdict.counted} copies confirmed"
        return passed(f"{verdict.word} at epoch {verdict.epoch}, {copies}", **details)
    details["held_up_by"] = list(found.held_up_by)
    if verdict.word == UNKNOWN:
        return inconclusive("control does not answer, so nobody knows what is in force", **details)
    return failed(f"{verdict.sentence} at epoch {verdict.epoch}: {found.held_up_by[0]}", **details)


CHECK = Check("freeze-acknowledged", "Every copy confirmed the freeze level", ("PRD-0",), run)
