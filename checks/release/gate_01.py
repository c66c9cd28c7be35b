"""GATE-1: the test suite of topology and policy passed for this very commit.

When it fails, the rules that decide which money pays for a bet may be wrong in this commit.
"""

from typing import Any

from checks.release._recorded import recorded_pass
from rubyops.model.finding import Finding, passed
from rubyops.model.recorded import TESTS, short_commit
from rubyops.model.step import Check
from rubyops.ports import Read


def run(read: Read) -> Finding:
    """Read the recorded result of the whole test suite."""
    found = recorded_pass(read, TESTS, "the test suite", "run the tests (README, second line)")
    if isinstance(found, Finding):
        return found
    commit = read.environment.commit
    words = f"the test suite passed for commit {short_commit(commit)}{_counted(found)}"
    return passed(words, suite=TESTS, result=found)


def _counted(found: dict[str, Any]) -> str:
    """Return the counts of passed and skipped tests in words, for each source of servers."""
    told = [
        f"{source}: {counts.get('passed', 0)} passed"
        + (f", {counts['skipped']} skipped" if counts.get("skipped") else "")
        for source, counts in (found.get("counts") or {}).items()
    ]
    return f" ({'; '.join(told)})" if told else ""


CHECK = Check("gate-01", "Topology and policy tests pass", ("GATE-1",), run)
