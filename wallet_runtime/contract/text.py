"""Characters that control a terminal or change the direction of writing.

Input that contains such characters is refused. Output shows them escaped.
"""

import re

# The content of a regex character class: control characters, and marks that change the direction of
# writing or end a line.
ACTING = r"\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069"
_ACTING = re.compile(f"[{ACTING}]")
# Newlines, tabs and colour codes are not escaped, because our own output uses them.
_ON_A_TERMINAL = re.compile(rf"(?!\n|\t|\x1b\[[0-9]{{1,2}}m)[{ACTING}]")
_IN_JSON = re.compile(r"[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def acts(text: str) -> bool:
    """Return whether a text contains one of these characters."""
    return _ACTING.search(text) is not None


def shown(text: str) -> str:
    """Return a text for a terminal, with these characters escaped as in Python."""
    return _ON_A_TERMINAL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def shown_in_json(text: str) -> str:
    """Return a JSON text with those of these characters escaped that JSON allows unescaped."""
    return _IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
