"""Ids as texts write them."""

from uuid import UUID

UUID_LENGTH = 36


def parse_uuid(text: str) -> UUID | None:
    """Return the UUID that a text of 36 characters writes in the usual form, or None."""
    if len(text) != UUID_LENGTH or not text.isascii():
        return None
    try:
        return UUID(text)
    except ValueError:
        return None
