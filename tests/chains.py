"""Journals as a forger or a test writes them: any lines, under a sound chain of hashes."""

import json
from typing import Any

from rubyops.engine.journal.lines import GENESIS, line_hash

Lines = list[dict[str, Any]]


def chained(lines: Lines) -> Lines:
    """Number these lines and hash them anew, each after the one before."""
    made: Lines = []
    previous = GENESIS
    for number, line in enumerate(lines, 1):
        link = {**line, "seq": number, "prev": previous}
        link["hash"] = previous = line_hash(link)
        made.append(link)
    return made


def as_text(lines: Lines) -> str:
    """Write lines as a journal's file holds them."""
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
