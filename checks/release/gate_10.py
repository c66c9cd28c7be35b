"""GATE-10: no process has the legacy shared token, and none accepts it.

This check asks every copy whether it has the token. `rubyops gate` also makes calls with such a
token. When it fails, a single leaked secret gives access to every service.
"""

from collections.abc import Mapping

from checks._answer import all_true
from rubyops.model.finding import Finding, inconclusive
from rubyops.model.step import Check
from rubyops.ports import Read
from rubyops.readings.liveness import CopyLife, liveness
from wallet_runtime.contract.processes import PROCESSES
from wallet_runtime.contract.secrets import LEGACY_TOKEN_VARIABLE


def audit(read: Read) -> Finding:
    """Ask every copy, also copies that the driver does not know. No answer counts as a fault."""
    life = liveness(read)
    if not life.driver_answers:
        return inconclusive(f"which copies there are cannot be told: {life.troubles[0]}")
    copies = life.of(*PROCESSES)
    faults = [fault for copy in copies if (fault := _fault(read, copy))]
    if not copies:
        faults = ["no process runs"]
    return all_true(
        faults,
        holds=f"none of {len(copies)} copies has {LEGACY_TOKEN_VARIABLE}",
        broken="the legacy token is about",
    )


def run(read: Read) -> Finding:
    """Fail if a copy has the token, else be inconclusive: only the probe can pass the gate."""
    finding = audit(read)
    return (
        finding
        if not finding.ok
        else inconclusive("no copy has the legacy token; the probe must call, run: rubyops gate")
    )


def _fault(read: Read, copy: CopyLife) -> str | None:
    if copy.out_of_reach is not None:
        return f"{copy.out_of_reach}, so it cannot be asked for {LEGACY_TOKEN_VARIABLE}"
    answer = read.get(copy.process, "/health", copy=copy.number)
    body = answer.body if isinstance(answer.body, Mapping) else {}
    said = body.get("legacy_token_present")
    if said is False:
        return None
    if said:
        return f"{copy.label} has {LEGACY_TOKEN_VARIABLE} set"
    return f"{copy.label} does not say ({answer.error or answer.status})"


CHECK = Check("gate-10", "No legacy shared token", ("GATE-10", "RS-5"), run)
