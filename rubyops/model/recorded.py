"""Recorded results of test suites, flows and dry-runs: their names, and their evaluation."""

from dataclasses import dataclass
from typing import Any

# Results kept in sealed files by commit: of the whole test command, and of a rollout's suites.
TESTS = "tests"
SUITES = "suites"
SEALED = (TESTS, SUITES)
# Results kept in the journal of a run. The prefix is followed by the topology of a rollout's flows,
# or by the scope of a backfill's dry-run.
FLOWS_PREFIX = "flows:"
DRY_RUN_PREFIX = "backfill-dry-run:"
UNKNOWN_COMMIT = "unknown"
_NAME_LENGTH = 12
_DIRTY = "-dirty-"


@dataclass(frozen=True)
class Evidence:
    """The newest trustworthy result or None, and why others were rejected, newest first."""

    result: dict[str, Any] | None = None
    doubts: tuple[str, ...] = ()

    def because(self) -> str:
        """Return the first reason for a rejected result, as the end of a sentence; may be empty."""
        return "".join(f"; {doubt}" for doubt in self.doubts[:1])


def short_commit(commit: str) -> str:
    """Shorten a commit's name for display.

    The name of a checkout with uncommitted changes keeps the digest of these changes.
    """
    named, dirty, digest = commit.partition(_DIRTY)
    return named[:_NAME_LENGTH] + dirty + digest
