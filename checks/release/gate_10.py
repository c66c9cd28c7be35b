"""GATE-10: no process has the legacy shared token, and none accepts it.

This check asks every copy whether it holds one; that a call with such a token is refused is probed by `rubyops gate`. When it
fails, one leaked secret speaks for every service.
"""

from collections.abc import Mapping

from checks._answer import all_true
from rubyops.model.finding import Finding, inconclusive
from rubyops.model.step import Check
from rubyops.ports import Copy, Read
from wallet_runtime.contract import LEGACY_TOKEN_VARIABLE


def audit(read: Read) -> Finding:
    """Ask every copy; one that does not say counts as having it."""
    copies = read.copies()
    faults = [fault for copy in copies if (fault := _fault(read, copy))]
    if not copies:
        faults = ["no process runs"]
    return all_true(faults, holds=f"none of {len(copies)} copies has {LEGACY_TOKEN_VARIABLE}", broken="the legacy token is about")


def run(read: Read) -> Finding:
    """Fail where a copy has the token; without the probe, its absence decides only half."""
    finding = audit(read)
    return finding if not finding.ok else inconclusive("no copy has the legacy token; the probe must call, run: rubyops gate")


def _fault(read: Read, copy: Copy) -> str | None:
    answer = read.get(copy.process, "/health", copy=copy.number)
    said = answer.body.get("legacy_token_present") if isinstance(answer.body, Mapping) else None
    if said is False:
        return None
    return f"{copy.process} copy {copy.number} " + (
        f"has {LEGACY_TOKEN_VARIABLE} set" if said else f"does not say ({answer.error or answer.status})"
    )


CHECK = Check("gate-10", "No legacy shared token", ("GATE-10", "RS-5"), run)
