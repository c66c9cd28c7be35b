"""Effects that wait need no port: they only run checks, which every effect may do."""

from rubyops.adapters.access import Access


def connect(access: Access) -> None:
    """Return no port."""
    del access
