"""Writes journals with arbitrary lines and a valid hash chain."""

import json
from typing import Any

from rubyops.engine.journal.lines import GENESIS, line_hash

Lines = list[dict[str, Any]]


def chained(lines: Lines) -> Lines:
    """Return copies of the lines with new numbers and a valid hash chain."""
    made: Lines = []
    previous = GENESIS
    for number, line in enumerate(lines, 1):
        link = {**line, "seq": number, "prev": previous}
        link["hash"] = previous = line_hash(link)
        made.append(link)
    return made


def as_text(lines: Lines) -> str:
    """The text of a journal file with these lines."""
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
