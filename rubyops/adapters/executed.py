"""A pytest plugin that marks every test in the JUnit report whose body was run.

With `--setup-plan` or `--setup-only` pytest reports a test as passed without running its body.
"""

from typing import Any

PLUGIN = __name__
EXECUTED = "executed"


def pytest_runtest_call(item: Any) -> None:
    """Add a JUnit property to a test whose body is about to run."""
    item.user_properties.append((EXECUTED, "yes"))
