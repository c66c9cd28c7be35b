"""The test suites of this checkout."""

from rubyops.adapters.access import Access
from rubyops.effects.suites import SuitesPort


def connect(access: Access) -> SuitesPort:
    """Make the port."""
    return access.suites
