"""Waiting needs nothing but checks, which every effect may ask."""

from rubyops.adapters.access import Access


def connect(access: Access) -> None:
    """Make no port."""
    del access
