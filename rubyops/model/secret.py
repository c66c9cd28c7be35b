"""Text that must not be shown, such as a password."""

from wallet_runtime.contract.secrets import MASK, keep_out


class Secret(str):
    """A password, a token, or a URL that holds one.

    Database drivers can use it as a normal string. Printing, logging or formatting it shows a mask.
    `contract.secrets.masked` also replaces its plain text in all other output and in journals.
    """

    __slots__ = ()

    def __new__(cls, value: str) -> "Secret":
        """Create the secret, and register its text to be masked in all output from now on."""
        keep_out(value)
        return super().__new__(cls, value)

    def reveal(self) -> str:
        """Return the plain text, to build a header or an environment variable from it."""
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
