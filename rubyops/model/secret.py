"""Text that must not be shown."""

from wallet_runtime.contract.secrets import MASK, keep_out


class Secret(str):
    """A password, a token, or a URL that holds one.

    Drivers take it as the text it is; printing, logging or formatting it shows a mask.

    Its plain text is masked in everything else that is printed or journalled, too
    (`contract.secrets.masked`).
    """

    __slots__ = ()

    def __new__(cls, value: str) -> "Secret":
        """Keep the value, and keep it out of what is printed from now on."""
        keep_out(value)
        return super().__new__(cls, value)

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
