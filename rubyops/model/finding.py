"""The results of checks."""

from dataclasses import dataclass, field
from typing import Literal

FindingStatus = Literal["ok", "failed", "inconclusive"]


@dataclass(frozen=True)
class Finding:
    """The result of a check: a status, a sentence, and figures and sample ids as data."""

    status: FindingStatus
    summary: str
    details: dict[str, object] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the check could look and found nothing wrong."""
        return self.status == "ok"


def passed(summary: str, **details: object) -> Finding:
    """Make the finding of a check that passed."""
    return Finding("ok", summary, details)


def failed(summary: str, **details: object) -> Finding:
    """Make the finding of a check that found something wrong."""
    return Finding("failed", summary, details)


def inconclusive(summary: str, **details: object) -> Finding:
    """Make the finding of a check that could not look; it never counts as passed."""
    return Finding("inconclusive", summary, details)
