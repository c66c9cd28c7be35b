"""A pytest plugin: keeps in the JUnit report that a test was called, not only collected and set up.

pytest reports a test that it never called (`--setup-plan`, `--setup-only`) like one that passed.
"""

from typing import Any

PLUGIN = __name__
EXECUTED = "executed"


def pytest_runtest_call(item: Any) -> None:
    """Note that this test is called; JUnit keeps it as a property of the test."""
    item.user_properties.append((EXECUTED, "yes"))
