"""GATE-2: the local end-to-end flows passed for this very commit and this environment's topology.

When it fails, money does not go the whole way from deposit to withdrawal on a running platform.
"""

from checks.release._recorded import recorded_pass
from rubyops.model.finding import Finding
from rubyops.model.step import Check
from rubyops.ports import Read

SUITE_PREFIX = "flows:"


def run(read: Read) -> Finding:
    """Read the recorded result of the flows on the environment's topology."""
    topology = read.environment.topology
    return recorded_pass(read, SUITE_PREFIX + topology, f"the flows on {topology}", "run `rubyops rollout local`")


CHECK = Check("gate-02", "Local flows pass", ("GATE-2",), run)
