"""Findings of checks."""

from dataclasses import dataclass, field
from typing import Literal

FindingStatus = Literal["ok", "failed", "inconclusive"]


@dataclass(frozen=True)
class Finding:
    """One check's answer: a status, a sentence, and figures and sample ids for a program."""

    status: FindingStatus
    summary: str
    details: dict[str, object] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """True only for a check that looked and found nothing wrong."""
        return self.status == "ok"


def passed(summary: str, **details: object) -> Finding:
    """Build the finding of a check that held."""
    return Finding("ok", summary, details)


def failed(summary: str, **details: object) -> Finding:
    """Build the finding of a check that found something wrong."""
    return Finding("failed", summary, details)


def inconclusive(summary: str, **details: object) -> Finding:
    """Build the finding of a check that could not look; it never counts as green."""
    return Finding("inconclusive", summary, details)
