"""The names that a playbook may use, and a suggestion for an unknown name."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rubyops.model.step import Check, Command


@dataclass(frozen=True)
class Library:
    """The names of all commands and checks, and a function that finds each by its name."""

    commands: Sequence[str]
    checks: Sequence[str]
    command: Callable[[str], Command[Any]]
    check: Callable[[str], Check]


def suggest(word: str, known: Sequence[str]) -> str:
    """Return `, did you mean 'x'?` for the most similar known name, or an empty text."""
    near = difflib.get_close_matches(word, known, n=1)
    return f", did you mean {near[0]!r}?" if near else ""


def suggest_of(word: str, known: Sequence[str]) -> str:
    """Return a suggestion for an unknown name, followed by the list of allowed names."""
    return f"{suggest(word, known)} (allowed: {', '.join(known)})"
