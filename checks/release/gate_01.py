"""GATE-1: the test suite of topology and policy passed for this very commit.

When it fails, the rules that decide whose money a bet takes were changed without proof.
"""

from checks.release._recorded import recorded_pass
from rubyops.model.finding import Finding
from rubyops.model.step import Check
from rubyops.ports import Read

SUITE = "tests"


def run(read: Read) -> Finding:
    """Read the recorded result of the test suite."""
    return recorded_pass(read, SUITE, "the test suite", "run the tests (README, second line)")


CHECK = Check("gate-01", "Topology and policy tests pass", ("GATE-1",), run)
