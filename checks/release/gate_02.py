"""GATE-2: the local end-to-end flows passed for this very commit and this environment's topology.

The flows must be part of one whole rollout of this commit on this environment. Every copy must have
run this commit's code then, and must still run it now. When it fails, it is not proved that money
passes from deposit to withdrawal on this platform.
"""

from collections.abc import Iterator
from typing import Any

from checks.release._recorded import recorded_pass
from rubyops.model.finding import Finding, failed, inconclusive, passed
from rubyops.model.recorded import FLOWS_PREFIX, short_commit
from rubyops.model.step import Check
from rubyops.ports import Read
from rubyops.running_code import REMEDY, one_code, short_code
from wallet_runtime.contract.documents import RUBY_SPLIT_V1, RUBY_UNIFIED_V1

# Flows for one topology only. With another topology, their step of a playbook does nothing.
ONLY_ON: dict[str, str] = {
    "FLOW-9": RUBY_SPLIT_V1,
    "FLOW-10": RUBY_SPLIT_V1,
    "FLOW-11": RUBY_UNIFIED_V1,
}
HEARTBEAT_AGE_MS_MAX = 3_000


def run(read: Read) -> Finding:
    """Read the recorded result of the flows, and ask every copy which code it runs now."""
    topology = read.environment.topology
    what = f"the flows on {topology}"
    found = recorded_pass(read, FLOWS_PREFIX + topology, what, _remedy(read.environment.name))
    if isinstance(found, Finding):
        return found
    unplayed = _unplayed(found["flows"], topology)
    if unplayed:
        return failed(
            f"{what} were not all played: {', '.join(unplayed)}", result=found, unplayed=unplayed
        )
    others = _other_code(read)
    if others:
        return inconclusive(
            f"{what} passed, but not on what runs now: {others[0]}; {REMEDY}",
            others=others,
            result=found,
        )
    return passed(f"{what} passed for commit {short_commit(read.environment.commit)}", result=found)


def _remedy(environment: str) -> str:
    return f"roll out again: `rubyops rollout local -e {environment}` (or `rollout staging`)"


def _unplayed(flows: dict[str, Any], topology: str) -> list[str]:
    """List the flows that did not pass. A flow for another topology may be a no-op."""
    idle = {name for name, only in ONLY_ON.items() if only != topology}
    return [
        f"{name} {status}"
        for name, status in flows.items()
        if status != "ok" and not (status == "noop" and name in idle)
    ]


def _other_code(read: Read) -> list[str]:
    """List the copies that run other code, by their /health or by their heartbeat."""
    wanted = read.environment.code
    ours = f"this checkout has {short_code(wanted)}"
    code, doubt = one_code(read)
    if doubt:
        return [doubt]
    if code != wanted:
        return [f"every copy runs {short_code(code)}, {ours}"]
    return [f"{told}, {ours}" for told in _reports_of_other_code(read, wanted)]


def _reports_of_other_code(read: Read, wanted: str) -> Iterator[str]:
    for row in read.rows("facts_copies_code", database="control"):
        if row["heartbeat_age_ms"] <= HEARTBEAT_AGE_MS_MAX and row["code"] != wanted:
            code = short_code(row["code"] or "")
            yield f"{row['process']} {row['copy']} reports {code}"


CHECK = Check("gate-02", "Local flows pass", ("GATE-2",), run)
