"""The one reader of recorded results: those that journals and sealed files prove.

It believes nothing that is unsound, unanchored, of another commit, of another environment, of
another run than its name, or of the future; and it says why not. A damaged journal is told and
passed over, and never stops the reading of the others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rubyops.engine.journal.chain import Head
from rubyops.engine.journal.judge import LONG_AGO, Found, Judge, newest_recorded
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
    """Reads results of this checkout on this environment.

    `head` asks control for a journal's newest line, `known` for the runs that took the lock under
    a commit and would record a suite, newest first. `shipped` loads a playbook that ships.
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
        """Return the newest result that is believed, and why newer ones are not.

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
        # A dry-run leaves nothing in control: the times in its journal are all that there is.
        others = self._others(suite, ())
        proved = [item for item in others if item.result is not None]
        if not proved:
            return Evidence(None, _doubts(others))
        return _weighed(max(proved, key=_when), [], others)

    def _newest_run(self, suite: str) -> Evidence:
        known = self.known(suite, self.facts.commit)
        passed_over: list[Found] = []
        for run_id in known:
            told = self._known(suite, run_id)
            if told is not None and (told.result is not None or told.weighs):
                return _weighed(told, passed_over, self._unknown(suite, known))
            passed_over += [told] if told is not None else []
        return Evidence(None, _doubts(passed_over, self._unknown(suite, known)))

    def _known(self, suite: str, run_id: str) -> Found | None:
        """Judge a run that control knows; None where it did not come to what it would prove.

        A journal that is missing, damaged or cut off may be the one of a failure.
        """
        try:
            raw, whole = self.journals.read(run_id)
        except RubyopsError as error:
            doubt = f"control knows the run {run_id}, and its end cannot be told: {error.message}"
            return Found(LONG_AGO, None, doubt, weighs=True)
        recorded = newest_recorded(suite, raw, self.facts.commit)
        if recorded is None or recorded.line.commit != self.facts.commit:
            return self._unended(suite, run_id, raw, whole=whole)
        told = self._judge.judge(suite, run_id, raw, whole=whole)
        # Whatever its times and its environment say, it is a run of here and of this commit.
        foreign = self._judge.foreign(recorded.line) is not None
        return replace(told, weighs=told.weighs or foreign)

    def _unended(self, suite: str, run_id: str, raw: Sequence[str], *, whole: bool) -> Found | None:
        why = self._judge.unended(suite, run_id, raw, whole=whole)
        if why is None:
            return None
        return Found(LONG_AGO, None, f"found {run_id}, not believed: {why}", weighs=True)

    def _others(self, suite: str, known: Sequence[str]) -> list[Found]:
        """Judge the journals of which control does not know that they would prove this."""
        found: list[Found] = []
        for run_id in reversed(self.journals.runs()[-JOURNALS_READ_MAX:]):
            if run_id in known:
                continue
            try:
                raw, whole = self.journals.read(run_id)
            except RubyopsError as error:
                # A journal that cannot be read is no evidence for any suite; the report names it.
                doubt = f"found {run_id}, not believed: {error.message}"
                found.append(Found(LONG_AGO, None, doubt))
                continue
            if any(suite in text and "recorded" in text for text in raw):
                found.append(self._judge.judge(suite, run_id, raw, whole=whole))
        return found

    def _unknown(self, suite: str, known: Sequence[str]) -> list[Found]:
        """Judge the journals that control does not know: no result of theirs is believed."""
        return [_unproved(item) for item in self._others(suite, known)]


def _weighed(newest: Found, passed_over: list[Found], others: list[Found]) -> Evidence:
    """Take the newest word that control knows, unless a journal here claims a newer one.

    Such a claim makes nothing believed, and it takes an older, better result away.
    """
    if newest.result is None:
        return Evidence(None, (newest.doubt,))
    claims = [item for item in others if item.weighs and item.recorded_at > newest.recorded_at]
    if claims:
        return Evidence(None, _doubts(claims)[:1])
    return Evidence(newest.result, _doubts(passed_over, others))


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
    """Return what was found and not believed, of each kind newest first."""
    told = [
        item.doubt for kind in kinds for item in sorted(kind, key=_when, reverse=True) if item.doubt
    ]
    return tuple(told[:DOUBTS_TOLD_MAX])
