"""Decides whether a result recorded in one journal can be trusted, and says why not.

The journal must be intact and match its anchor. The result must belong to this commit and this
environment, and must not lie in the future. A flow result must also agree with the run's steps.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import msgspec

from rubyops.engine.journal.chain import (
    Chain,
    Head,
    anchor_faults,
    compare_with_anchor,
    lines_ahead,
    read_chain,
)
from rubyops.engine.journal.decode import read_line
from rubyops.engine.journal.history import DONE, History, read_history
from rubyops.engine.journal.lines import Line, RunStarted, StepStarted, SuiteRecorded
from rubyops.engine.journal.stored_playbook import StoredPlaybook
from rubyops.engine.journal.suites import suite_of
from rubyops.errors import Refused, RubyopsError
from rubyops.model.json_object import JsonObject
from rubyops.model.recorded import DRY_RUN_PREFIX, FLOWS_PREFIX, short_commit
from rubyops.model.step import FindCommand, Playbook, Step
from rubyops.ports import EnvironmentFacts
from rubyops.running_code import short_code

CLOCKS_DIFFER_MAX = timedelta(seconds=60)
LONG_AGO = datetime.min.replace(tzinfo=UTC)


class NotShipped(Refused):
    """The playbook of the run is not one that comes with rubyops."""


@dataclass(frozen=True)
class Found:
    """The verdict on one run: a trusted result, or a doubt.

    A doubt with `weighs` also hides older results, because this newer run may have failed.
    """

    recorded_at: datetime
    result: JsonObject | None
    doubt: str = ""
    weighs: bool = False

    @property
    def decides(self) -> bool:
        """Whether older results are ignored because of this verdict."""
        return self.result is not None or self.weighs


def undated(doubt: str, *, weighs: bool = False) -> Found:
    """Return a doubt about a run that has no recorded result, and so no time."""
    return Found(LONG_AGO, None, doubt, weighs)


@dataclass(frozen=True)
class JournalText:
    """The unparsed lines of a run's journal; `whole` is False if the last has no newline."""

    run_id: str
    raw: Sequence[str]
    whole: bool

    def chain(self) -> Chain:
        """Parse the lines and check their hash chain."""
        return read_chain(self.raw, ends_whole=self.whole, run_id=self.run_id)


@dataclass(frozen=True)
class Recorded:
    """A journal line that records the result of a suite, and this result."""

    line: Line
    result: JsonObject

    def doubted(self, why: str, *, weighs: bool = False) -> Found:
        """Return the verdict that this result is not trusted."""
        return Found(self.line.at, None, why, weighs)

    def with_origin(self) -> JsonObject:
        """Return the result with its run, its commit and the time of the line."""
        return {
            **self.result,
            "recorded_at": self.line.time,
            "run": self.line.run,
            "commit": self.line.commit,
            "passed": self.result.get("passed") is True,
        }


@dataclass(frozen=True)
class Judge:
    """Judges journals for this checkout on this environment.

    `head` returns the anchor of a run's journal. `shipped` loads a playbook that comes with
    rubyops.
    """

    facts: EnvironmentFacts
    head: Callable[[str], Head]
    shipped: Callable[[str, Mapping[str, str]], Playbook]
    command: FindCommand
    now: Callable[[], datetime]

    def judge(self, suite: str, text: JournalText) -> Found:
        """Return the journal's trusted result of the suite, or a doubt that names the run."""
        found = self._judged(suite, text)
        if found.result is not None:
            return found
        return replace(found, doubt=f"found in {text.run_id}, not believed: {found.doubt}")

    def _judged(self, suite: str, text: JournalText) -> Found:
        recorded = newest_recorded(suite, text.raw, self.facts.commit)
        if recorded is None:
            return undated(_without_record(text.chain()))
        foreign = self.foreign(recorded.line)
        if foreign is not None:
            return recorded.doubted(foreign)
        return self._proved(suite, recorded, text.chain())

    def _proved(self, suite: str, recorded: Recorded, chain: Chain) -> Found:
        unproved = self._unproved(suite, recorded.line, chain)
        if unproved is not None:
            return recorded.doubted(unproved, weighs=True)
        try:
            return Found(recorded.line.at, self._result(suite, recorded, chain))
        except Refused as error:
            return recorded.doubted(error.message, weighs=not isinstance(error, NotShipped))

    def foreign(self, line: Line) -> str | None:
        """Return why a result is of another commit, another environment or the future; or None."""
        if line.commit != self.facts.commit:
            return self._other_commit(line.commit)
        if line.environment != self.facts.name:
            return f"it was recorded on {line.environment}, and this is {self.facts.name}"
        if line.at > self.now() + CLOCKS_DIFFER_MAX:
            return f"it was recorded at {line.time}, which is yet to come"
        return None

    def _other_commit(self, commit: str) -> str:
        theirs, ours = short_commit(commit), short_commit(self.facts.commit)
        return f"it was recorded under commit {theirs}, and this checkout is at {ours}"

    def unended(self, suite: str, text: JournalText) -> str | None:
        """Return why a run without a recorded result may have failed; None if nothing shows it."""
        chain = text.chain()
        trouble = _trouble(chain, anchor_faults(chain, self.head(text.run_id)))
        if trouble is not None:
            return trouble
        try:
            return self._begun(suite, chain)
        except (RubyopsError, KeyError, TypeError, msgspec.ValidationError) as error:
            return f"its steps cannot be read by this version ({error})"

    def _begun(self, suite: str, chain: Chain) -> str | None:
        """Return a message if this commit began a step of the suite; else None."""
        playbook = read_history(chain.lines).playbook.restore(self.command)
        begun = _begun_of({step.id for step in self._steps_of(suite, playbook)}, chain)
        if all(commit != self.facts.commit for commit, _ in begun):
            return None
        return f"its run began {begun[-1][1]} and did not come to an end"

    def _unproved(self, suite: str, line: Line, chain: Chain) -> str | None:
        """Return why the journal does not prove the recorded result; None if it does."""
        trouble = _trouble(chain)
        if trouble is not None:
            return trouble
        started = chain.lines[0].content if chain.lines else None
        if not isinstance(started, RunStarted):
            return "its journal does not begin with the start of a run"
        return self._mixed(chain) or self._unseen(suite, line, chain, dry_run=started.dry_run)

    def _mixed(self, chain: Chain) -> str | None:
        others = {line.commit for line in chain.lines} - {self.facts.commit}
        if others:
            return f"a part of its run was carried out under commit {short_commit(min(others))}"
        if {line.environment for line in chain.lines} - {self.facts.name}:
            return "a part of its run was carried out on another environment"
        return None

    def _unseen(self, suite: str, line: Line, chain: Chain, *, dry_run: bool) -> str | None:
        if dry_run != suite.startswith(DRY_RUN_PREFIX):
            return "it was recorded by a dry-run" if dry_run else "it was not recorded by a dry-run"
        return None if dry_run else self._unanchored(line, chain)

    def _unanchored(self, line: Line, chain: Chain) -> str | None:
        head = self.head(line.run)
        if head is None:
            return "control has no anchor of this run"
        cut = compare_with_anchor(chain, head)
        if cut is not None:
            return f"its journal is not the one that control has seen ({cut})"
        if line.seq in lines_ahead(chain.lines, head[0]):
            return f"line {line.seq} is ahead of the anchor in control"
        return None

    def _result(self, suite: str, recorded: Recorded, chain: Chain) -> JsonObject:
        """Return the recorded result with its run, commit and time, and the status of each flow.

        Raises `Refused` if the result says passed, and the run's steps or code contradict it.
        """
        result = recorded.with_origin()
        return self._with_flows(suite, result, chain) if suite.startswith(FLOWS_PREFIX) else result

    def _with_flows(self, suite: str, result: JsonObject, chain: Chain) -> JsonObject:
        head = self.head(str(result["run"]))
        history = read_history(chain.lines, anchored=head[0] if head else 0)
        flows = self._flows(suite, history)
        if result["passed"]:
            _demand_passed(flows)
            _demand_finished(history)
            self._demand_code(result)
        return result | {"flows": flows, "playbook": history.playbook.name}

    def _flows(self, suite: str, history: History) -> dict[str, str]:
        """Return the status of each flow by its name, taken from the journal's step results."""
        ended = {step: record.status for step, record in history.steps.items()}
        return {
            str(getattr(step.params, "name", step.id)): ended.get(step.id) or "not reached"
            for step in self._steps_of(suite, self._shipped(history.playbook))
        }

    def _shipped(self, stored: StoredPlaybook) -> Playbook:
        """Return the shipped rollout that has the same steps. Raises `NotShipped`."""
        playbook = self._load_shipped(stored)
        if _is_same_rollout(stored, StoredPlaybook.of(playbook)):
            return playbook
        raise NotShipped(
            f"its steps are not those of the rollout {stored.name} that ships, whole and unchanged"
        )

    def _load_shipped(self, stored: StoredPlaybook) -> Playbook:
        given = {name: str(value) for name, value in stored.parameters.items()}
        try:
            return self.shipped(stored.name, given)
        except RubyopsError as error:
            raise NotShipped(
                f"its playbook {stored.name!r} is not one that ships: {error.message}"
            ) from None

    def _demand_code(self, told: JsonObject) -> None:
        code = told.get("code")
        if not isinstance(code, str) or not code:
            doubt = told.get("code_doubt", "nothing was asked")
            raise Refused(f"its run could not tell which code the processes ran: {doubt}")
        if code != self.facts.code:
            raise self._other_code(code)

    def _other_code(self, code: str) -> Refused:
        theirs, ours = short_code(code), short_code(self.facts.code)
        return Refused(f"its processes ran code {theirs}, and this checkout has {ours}")

    def _steps_of(self, suite: str, playbook: Playbook) -> list[Step]:
        """List the steps whose results are recorded under the suite."""
        named = [(step, suite_of(step, self.command, self.facts)) for step in playbook.steps]
        return [step for step, name in named if name == suite]


def _trouble(chain: Chain, others: tuple[str, ...] = ()) -> str | None:
    """Return the first fault of a journal, or that a newer version wrote it; else None."""
    faults = (*chain.faults, *others)
    return f"its journal is not sound ({faults[0]})" if faults else chain.newer or None


def _is_same_rollout(stored: StoredPlaybook, ours: StoredPlaybook) -> bool:
    return (stored.kind, ours.kind, stored.steps) == ("rollout", "rollout", ours.steps)


def _begun_of(steps: Set[str], chain: Chain) -> list[tuple[str, str]]:
    """Return commit and step of each line that begins one of the steps."""
    return [
        (line.commit, line.content.step)
        for line in chain.lines
        if isinstance(line.content, StepStarted) and line.content.step in steps
    ]


def _demand_passed(flows: Mapping[str, str]) -> None:
    failed = [f"{name} {status}" for name, status in flows.items() if status not in DONE]
    if failed or not flows:
        found = ", ".join(failed) or "no flow at all"
        raise Refused(f"it says passed, and its journal says: {found}")


def _demand_finished(history: History) -> None:
    if history.state != "finished":
        raise Refused(f"its run did not come to a good end ({history.state})")


def _without_record(chain: Chain) -> str:
    return chain.faults[0] if chain.faults else chain.newer or "no line of it is a recorded result"


def newest_recorded(suite: str, raw: Sequence[str], commit: str) -> Recorded | None:
    """Return the suite's newest result of this commit, else of any commit; None without one."""
    lines = (read_line(text) for text in reversed(raw) if suite in text)
    found = [recorded for line in lines if (recorded := _recorded_in(line, suite)) is not None]
    of_commit = (recorded for recorded in found if recorded.line.commit == commit)
    return next(of_commit, found[0] if found else None)


def _recorded_in(line: Line | str, suite: str) -> Recorded | None:
    if isinstance(line, str) or not isinstance(line.content, SuiteRecorded):
        return None
    return Recorded(line, line.content.result) if line.content.suite == suite else None
