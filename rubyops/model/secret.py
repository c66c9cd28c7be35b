"""Text that must not be shown."""

MASK = "****"


class Secret(str):
    """A password, token or URL that holds one: drivers take it as the text it is, while printing, logging or formatting it shows a mask."""

    __slots__ = ()

    def reveal(self) -> str:
        """Return the plain text, for a header or an environment variable that is composed of it."""
        return str.__str__(self)

    def __str__(self) -> str:
        """Show the mask."""
        return MASK

    def __repr__(self) -> str:
        """Show the mask."""
        return f"Secret({MASK})"

    def __format__(self, specification: str) -> str:
        """Show the mask in formatted text too."""
        return format(MASK, specification)
