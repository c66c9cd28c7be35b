"""Reads a recorded test result, for the gates that depend on results for this commit."""

from typing import Any

from rubyops.model.finding import Finding, failed, inconclusive
from rubyops.model.recorded import short_commit
from rubyops.ports import Read

PARTS_NAMED_MAX = 3


def recorded_pass(read: Read, suite: str, what: str, remedy: str) -> dict[str, Any] | Finding:
    """Return the newest result of `suite` for this commit if it can be trusted and passed.

    Otherwise return a finding with the reason. `what` and `remedy` are words for its sentence.
    """
    commit = read.environment.commit
    named = short_commit(commit)
    evidence = read.results(suite)
    told: dict[str, Any] = {"suite": suite, "commit": commit}
    if evidence.doubts:
        told["not_believed"] = list(evidence.doubts)
    if evidence.result is None:
        return inconclusive(
            f"no recorded result of {what} for commit {named}{evidence.because()}; {remedy}", **told
        )
    if evidence.result["passed"] is not True:
        parts = evidence.result.get("failed") or []
        words = f" ({', '.join(map(str, parts[:PARTS_NAMED_MAX]))})" if parts else ""
        return failed(
            f"{what} failed for commit {named}{words}; mend it, then {remedy}",
            **told,
            result=evidence.result,
        )
    return evidence.result
