"""Finds the newest trustworthy result of a test suite, a flow or a dry-run.

Results stand in sealed files and in journals. A result counts only if its journal is intact and
belongs to this commit and environment. Each rejected result is reported with the reason. A damaged
journal is skipped, and the other journals are still read.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rubyops.engine.journal.chain import Head
from rubyops.engine.journal.judge import (
    Found,
    JournalText,
    Judge,
    Recorded,
    newest_recorded,
    undated,
)
from rubyops.engine.journal.store import Journals
from rubyops.errors import RubyopsError
from rubyops.model.recorded import DRY_RUN_PREFIX, SEALED, UNKNOWN_COMMIT, Evidence
from rubyops.model.step import FindCommand, Playbook
from rubyops.ports import EnvironmentFacts

JOURNALS_READ_MAX = 500
DOUBTS_TOLD_MAX = 3
NO_COMMIT = "git does not tell the commit of this checkout, so no result can be told to be its own"


@dataclass(frozen=True)
class EvidenceBook:
    """Reads the results of this checkout on this environment.

    `head` returns the anchor of a run's journal. `known` returns the runs which declared in
    `control` that they would record a suite for a commit, newest first. `shipped` loads a playbook
    that comes with rubyops.
    """

    facts: EnvironmentFacts
    journals: Journals
    sealed: Callable[[str], Evidence]
    head: Callable[[str], Head]
    known: Callable[[str, str], Sequence[str]]
    shipped: Callable[[str, Mapping[str, str]], Playbook]
    command: FindCommand
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def _judge(self) -> Judge:
        return Judge(self.facts, self.head, self.shipped, self.command, self.now)

    def newest(self, suite: str) -> Evidence:
        """Return the newest trustworthy result of a suite, and why others were rejected.

        Raises `Unreachable`.
        """
        if self.facts.commit == UNKNOWN_COMMIT:
            return Evidence(None, (NO_COMMIT,))
        if suite in SEALED:
            return self.sealed(suite)
        if suite.startswith(DRY_RUN_PREFIX):
            return self._newest_dry_run(suite)
        return self._newest_run(suite)

    def _newest_dry_run(self, suite: str) -> Evidence:
        # `control` has no record of dry-runs, so the time in the journal decides which is newest.
        others = self._others(suite, ())
        proved = [item for item in others if item.result is not None]
        if not proved:
            return Evidence(None, _doubts(others))
        return _weighed(max(proved, key=_when), [], others)

    def _newest_run(self, suite: str) -> Evidence:
        known = self.known(suite, self.facts.commit)
        passed_over: list[Found] = []
        for run_id in known:
            found = self._known(suite, run_id)
            if found is not None and found.decides:
                return _weighed(found, passed_over, self._unknown(suite, known))
            passed_over += [found] if found is not None else []
        return Evidence(None, _doubts(passed_over, self._unknown(suite, known)))

    def _known(self, suite: str, run_id: str) -> Found | None:
        """Judge a run that `control` knows; None if it never began a step of the suite.

        A missing, damaged or cut-off journal may hide a failure, so its doubt hides older results.
        """
        try:
            text = self._read(run_id)
        except RubyopsError as error:
            return _unreadable(run_id, error)
        recorded = newest_recorded(suite, text.raw, self.facts.commit)
        if recorded is None or recorded.line.commit != self.facts.commit:
            return self._unended(suite, text)
        return self._of_known_run(suite, text, recorded)

    def _of_known_run(self, suite: str, text: JournalText, recorded: Recorded) -> Found:
        # `control` knows that the run belongs to this environment and commit. A journal that says
        # otherwise is suspicious, so it hides older results.
        foreign = self._judge.foreign(recorded.line) is not None
        found = self._judge.judge(suite, text)
        return replace(found, weighs=found.weighs or foreign)

    def _read(self, run_id: str) -> JournalText:
        raw, whole = self.journals.read(run_id)
        return JournalText(run_id, raw, whole)

    def _unended(self, suite: str, text: JournalText) -> Found | None:
        why = self._judge.unended(suite, text)
        if why is None:
            return None
        return undated(f"found {text.run_id}, not believed: {why}", weighs=True)

    def _others(self, suite: str, known: Sequence[str]) -> list[Found]:
        """Judge the journals of all runs that are not in `known`, newest first."""
        runs = reversed(self.journals.runs()[-JOURNALS_READ_MAX:])
        judged = (self._other(suite, run_id) for run_id in runs if run_id not in known)
        return [found for found in judged if found is not None]

    def _other(self, suite: str, run_id: str) -> Found | None:
        try:
            text = self._read(run_id)
        except RubyopsError as error:
            # The suite of an unreadable journal is unknown, so the journal is reported and hides
            # no result.
            return undated(f"found {run_id}, not believed: {error.message}")
        return self._judge.judge(suite, text) if _may_record(suite, text) else None

    def _unknown(self, suite: str, known: Sequence[str]) -> list[Found]:
        """Judge the journals that `control` does not know, and turn their results into doubts."""
        return [_unproved(item) for item in self._others(suite, known)]


def _unreadable(run_id: str, error: RubyopsError) -> Found:
    doubt = f"control knows the run {run_id}, and its end cannot be told: {error.message}"
    return undated(doubt, weighs=True)


def _may_record(suite: str, text: JournalText) -> bool:
    return any(suite in line and "recorded" in line for line in text.raw)


def _weighed(newest: Found, passed_over: list[Found], others: list[Found]) -> Evidence:
    """Return the newest result, unless an unproved journal claims a newer one.

    Such a claim is not trusted. It still hides the older result, because the newer run may have
    failed.
    """
    if newest.result is None:
        return Evidence(None, (newest.doubt,))
    claims = [item for item in others if _is_newer_claim(item, newest)]
    if claims:
        return Evidence(None, _doubts(claims)[:1])
    return Evidence(newest.result, _doubts(passed_over, others))


def _is_newer_claim(other: Found, newest: Found) -> bool:
    return other.weighs and other.recorded_at > newest.recorded_at


def _unproved(found: Found) -> Found:
    if found.result is None:
        return found
    doubt = (
        f"found in {found.result['run']}, not believed: "
        "control does not know that this run took the lock to prove it"
    )
    return Found(found.recorded_at, None, doubt, weighs=True)


def _when(found: Found) -> datetime:
    return found.recorded_at


def _doubts(*kinds: Sequence[Found]) -> tuple[str, ...]:
    """Return the first doubts in words, each list sorted newest first."""
    told = [
        item.doubt for kind in kinds for item in sorted(kind, key=_when, reverse=True) if item.doubt
    ]
    return tuple(told[:DOUBTS_TOLD_MAX])
