"""Reading a recorded result: shared by the gates that count results of this commit."""

from rubyops.model.finding import Finding, failed, inconclusive, passed
from rubyops.ports import Read


def recorded_pass(read: Read, suite: str, what: str, remedy: str) -> Finding:
    """Pass when the newest result of `suite` for this commit is good; inconclusive when there is none."""
    commit = read.environment.commit
    result = read.results(suite)
    if result is None:
        return inconclusive(f"no recorded result of {what} for commit {commit[:12]}; {remedy}", suite=suite, commit=commit)
    if not result["passed"]:
        return failed(f"{what} failed for commit {commit[:12]}; mend it, then {remedy}", suite=suite, result=result)
    return passed(f"{what} passed for commit {commit[:12]}", suite=suite, result=result)
