"""Reads a recorded test result, for the gates that depend on results for this commit."""

from typing import Any

from rubyops.model.finding import Finding, failed, inconclusive
from rubyops.model.recorded import Evidence, short_commit
from rubyops.ports import Read

PARTS_NAMED_MAX = 3


def recorded_pass(read: Read, suite: str, what: str, remedy: str) -> dict[str, Any] | Finding:
    """Return the newest result of `suite` for this commit if it can be trusted and passed.

    Otherwise return a finding with the reason. `what` and `remedy` are words for its sentence.
    """
    commit, evidence = read.environment.commit, read.results(suite)
    result, told = evidence.result, _told(suite, commit, evidence)
    of_commit = f"for commit {short_commit(commit)}"
    if result is None:
        missing = f"no recorded result of {what} {of_commit}{evidence.because()}"
        return inconclusive(f"{missing}; {remedy}", **told)
    if result["passed"] is not True:
        words = f"{what} failed {of_commit}{_failed_parts(result)}"
        return failed(f"{words}; mend it, then {remedy}", **told, result=result)
    return result


def _told(suite: str, commit: str, evidence: Evidence) -> dict[str, Any]:
    doubts = {"not_believed": list(evidence.doubts)} if evidence.doubts else {}
    return {"suite": suite, "commit": commit, **doubts}


def _failed_parts(result: dict[str, Any]) -> str:
    parts = result.get("failed") or []
    return f" ({', '.join(map(str, parts[:PARTS_NAMED_MAX]))})" if parts else ""
