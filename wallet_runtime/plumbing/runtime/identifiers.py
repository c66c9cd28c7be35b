"""Parsing of ids."""

from uuid import UUID

UUID_LENGTH = 36


def parse_uuid(text: str) -> UUID | None:
    """Return the UUID of a text in the usual form of 36 characters, or None for other texts."""
    if len(text) != UUID_LENGTH or not text.isascii():
        return None
    try:
        return UUID(text)
    except ValueError:
        return None
