"""Recorded results of suites, flows and dry-runs: their names, and what is believed of one."""

from dataclasses import dataclass
from typing import Any

# The whole test command, the suites that a rollout runs: kept as sealed files, by commit.
TESTS = "tests"
SUITES = "suites"
SEALED = (TESTS, SUITES)
# The flows of a rollout, by topology, and the figures of a dry-run, by scope: kept as lines of a
# run's journal.
FLOWS_PREFIX = "flows:"
DRY_RUN_PREFIX = "backfill-dry-run:"
UNKNOWN_COMMIT = "unknown"
_NAME_LENGTH = 12
_DIRTY = "-dirty-"


@dataclass(frozen=True)
class Evidence:
    """The newest result that is believed, or None, and why others are not, newest first."""

    result: dict[str, Any] | None = None
    doubts: tuple[str, ...] = ()

    def because(self) -> str:
        """Say what was found and not believed, as the end of a sentence.

        Empty when nothing else was found.
        """
        return "".join(f"; {doubt}" for doubt in self.doubts[:1])


def short_commit(commit: str) -> str:
    """Shorten a commit's name for a person.

    A dirty one stays told apart, by the digest of its changes.
    """
    named, dirty, digest = commit.partition(_DIRTY)
    return named[:_NAME_LENGTH] + dirty + digest
