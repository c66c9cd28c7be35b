"""Characters that act on a terminal or turn the direction of writing.

They are refused where somebody types them, and shown escaped elsewhere.
"""

import re

# The inside of a character class: control characters, and marks that turn the direction of writing
# or end a line.
ACTING = r"\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069"
_ACTING = re.compile(f"[{ACTING}]")
# Lines and columns of our own texts, and our own colours, which change nothing but the colour.
_ON_A_TERMINAL = re.compile(rf"(?!\n|\t|\x1b\[[0-9]{{1,2}}m)[{ACTING}]")
_IN_JSON = re.compile(r"[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def acts(text: str) -> bool:
    """Whether a text holds a character that would act on a terminal."""
    return _ACTING.search(text) is not None


def shown(text: str) -> str:
    """Return lines for a terminal with every acting character escaped, as in Python."""
    return _ON_A_TERMINAL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def shown_in_json(text: str) -> str:
    """Return a JSON text with those acting characters escaped that JSON lets stand."""
    return _IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
