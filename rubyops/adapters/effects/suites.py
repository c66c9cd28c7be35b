"""The suites port: the test suites of this checkout."""

from rubyops.adapters.access import Access
from rubyops.effects.suites import SuitesPort


def connect(access: Access) -> SuitesPort:
    """Return the suites port."""
    return access.suites
