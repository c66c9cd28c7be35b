"""The names that a playbook may use, and the suggestion for a name that is not known."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rubyops.model.step import Check, Command


@dataclass(frozen=True)
class Library:
    """Commands and checks by name."""

    commands: Sequence[str]
    checks: Sequence[str]
    command: Callable[[str], Command[Any]]
    check: Callable[[str], Check]


def suggest(word: str, known: Sequence[str]) -> str:
    """Say which of the known names may have been meant."""
    near = difflib.get_close_matches(word, known, n=1)
    return f", did you mean {near[0]!r}?" if near else ""
