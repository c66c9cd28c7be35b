"""GATE-1: the test suite of topology and policy passed for this very commit.

When it fails, the rules that decide whose money a bet takes were changed without proof.
"""

from checks.release._recorded import recorded_pass
from rubyops.model.finding import Finding, passed
from rubyops.model.recorded import TESTS, short_commit
from rubyops.model.step import Check
from rubyops.ports import Read


def run(read: Read) -> Finding:
    """Read the sealed result of the whole test suite."""
    found = recorded_pass(read, TESTS, "the test suite", "run the tests (README, second line)")
    if isinstance(found, Finding):
        return found
    commit = read.environment.commit
    return passed(f"the test suite passed for commit {short_commit(commit)}", suite=TESTS, result=found)


CHECK = Check("gate-01", "Topology and policy tests pass", ("GATE-1",), run)
