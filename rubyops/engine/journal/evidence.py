"""The one reader of what runs left behind: journals, and what they and sealed files prove.

It believes nothing that is unsound, unanchored, of another commit, of another environment, of
another run than its name, or of the future; and it says why not. A damaged journal is told and
passed over, and never stops the reading of the others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from rubyops.engine.journal.chain import (
    Chain,
    compare_with_anchor,
    needs_anchor,
    read_chain,
    read_line,
)
from rubyops.engine.journal.history import (
    DONE,
    History,
    describe_playbook,
    lines_ahead,
    read_history,
    restore_playbook,
)
from rubyops.engine.journal.store import Journals
from rubyops.engine.journal.suites import suite_of
from rubyops.errors import JournalUnreadable, Refused, RubyopsError
from rubyops.model.recorded import (
    DRY_RUN_PREFIX,
    FLOWS_PREFIX,
    SEALED,
    UNKNOWN_COMMIT,
    Evidence,
    short_commit,
)
from rubyops.model.step import Command, Playbook
from rubyops.ports import EnvironmentFacts
from rubyops.running_code import short_code

JOURNALS_READ_MAX = 500
DOUBTS_TOLD_MAX = 3
CLOCKS_DIFFER_MAX = timedelta(seconds=60)
LONG_AGO = datetime.min.replace(tzinfo=UTC)
UNANCHORED = "control has no anchor of this run, though it took the lock: the journal is not one that a run wrote here"
Head = tuple[int, str] | None


class NotShipped(Refused):
    """The playbook of a run does not ship: its record says nothing of the one that does."""


@dataclass(frozen=True)
class Reading:
    """A run's journal as its file tells it.

    `history` is None where it does not even begin as one.
    """

    run_id: str
    chain: Chain
    history: History | None
    faults: tuple[str, ...]


@dataclass(frozen=True)
class _Found:
    """One run: the result that it proves, or the doubt.

    A doubt that `weighs` hides older results: the run may have failed.
    """

    recorded_at: datetime
    result: dict[str, Any] | None
    doubt: str = ""
    weighs: bool = False


def read_journal(journals: Journals, run_id: str) -> Reading:
    """Read a run's journal, whatever is in it. Raises `UsageError` for a run that is not there."""
    try:
        lines, whole = journals.read(run_id)
    except JournalUnreadable as error:
        return Reading(run_id, Chain((), (error.message,), torn=False), None, (error.message,))
    chain = read_chain(lines, ends_whole=whole, run_id=run_id)
    try:
        history = read_history(chain.lines)
    except Refused as error:
        return Reading(run_id, chain, None, (*chain.faults, error.message))
    return Reading(run_id, chain, history, chain.faults)


def anchor_faults(chain: Chain, head: Head) -> tuple[str, ...]:
    """Return what control's anchor says against a journal."""
    if head is None:
        return (UNANCHORED,) if needs_anchor(chain) else ()
    cut = compare_with_anchor(chain, head)
    return (cut,) if cut else ()


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
    command: Callable[[str], Command[Any]]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def newest(self, suite: str) -> Evidence:
        """Return the newest result that is believed, and why newer ones are not.

        Raises `Unreachable`.
        """
        if self.facts.commit == UNKNOWN_COMMIT:
            return Evidence(
                None,
                (
                    "git does not tell the commit of this checkout, so no result can be told to be its own",
                ),
            )
        if suite in SEALED:
            return self.sealed(suite)
        known = () if suite.startswith(DRY_RUN_PREFIX) else self.known(suite, self.facts.commit)
        found: list[_Found] = []
        for run_id in known:
            told = self._known(suite, run_id)
            if told is not None and (told.result is not None or told.weighs):
                return self._weighed(told, found, self._others(suite, known))
            found += [told] if told is not None else []
        others = self._others(suite, known)
        if not suite.startswith(DRY_RUN_PREFIX):
            return Evidence(None, _doubts(found, others))
        # A dry-run leaves nothing in control: the times in its journal are all that there is.
        believed = max(
            (item for item in others if item.result is not None), key=_when, default=None
        )
        return (
            Evidence(None, _doubts(others))
            if believed is None
            else self._weighed(believed, [], others)
        )

    def _weighed(self, newest: _Found, passed_over: list[_Found], others: list[_Found]) -> Evidence:
        """Take the newest word that control knows, unless a journal here claims a newer one.

        Such a claim makes nothing believed, and it takes an older, better result away.
        """
        if newest.result is None:
            return Evidence(None, (newest.doubt,))
        claims = [item for item in others if item.weighs and item.recorded_at > newest.recorded_at]
        if claims:
            return Evidence(None, _doubts(claims)[:1])
        return Evidence(newest.result, _doubts(passed_over, others))

    def _known(self, suite: str, run_id: str) -> _Found | None:
        """Judge a run that control knows; None where it did not come to what it would prove.

        A journal that is missing, damaged or cut off may be the one of a failure.
        """
        try:
            raw, whole = self.journals.read(run_id)
        except RubyopsError as error:
            return _Found(
                LONG_AGO,
                None,
                f"control knows the run {run_id}, and its end cannot be told: {error.message}",
                weighs=True,
            )
        line = _newest_recorded(suite, raw, self.facts.commit)
        if line is not None and line.get("commit") == self.facts.commit:
            told = self._judge(suite, run_id, raw, whole)
            # Whatever its times and its environment say, it is a run of here and of this commit.
            return replace(told, weighs=told.weighs or self._foreign(line) is not None)
        why = self._unended(suite, run_id, read_chain(raw, ends_whole=whole, run_id=run_id))
        return (
            _Found(LONG_AGO, None, f"found {run_id}, not believed: {why}", weighs=True)
            if why
            else None
        )

    def _unended(self, suite: str, run_id: str, chain: Chain) -> str | None:
        """Say why a run without a result may have failed all the same."""
        faults = [*chain.faults, *anchor_faults(chain, self.head(run_id))]
        if faults:
            return f"its journal is not sound ({faults[0]})"
        try:
            playbook = restore_playbook(read_history(chain.lines).started["playbook"], self.command)
            steps = {
                step.id
                for step in playbook.steps
                if suite_of(step, self.command, self.facts) == suite
            }
        except (RubyopsError, KeyError, TypeError, msgspec.ValidationError) as error:
            return f"its steps cannot be read by this version ({error})"
        begun = [
            line for line in chain.lines if line["type"] == "step_started" and line["step"] in steps
        ]
        if any(line.get("commit") == self.facts.commit for line in begun):
            return f"its run began {begun[-1]['step']} and did not come to an end"
        return None

    def _others(self, suite: str, known: Sequence[str]) -> list[_Found]:
        """Judge the journals of which control does not know that they would prove this."""
        found: list[_Found] = []
        for run_id in reversed(self.journals.runs()[-JOURNALS_READ_MAX:]):
            if run_id in known:
                continue
            try:
                raw, whole = self.journals.read(run_id)
            except RubyopsError as error:
                # A journal that cannot be read is no evidence for any suite; the report names it.
                found.append(
                    _Found(LONG_AGO, None, f"found {run_id}, not believed: {error.message}")
                )
                continue
            if any(suite in text and "recorded" in text for text in raw):
                found.append(self._judge(suite, run_id, raw, whole))
        return found if suite.startswith(DRY_RUN_PREFIX) else [_unknown(item) for item in found]

    def _judge(self, suite: str, run_id: str, raw: list[str], whole: bool) -> _Found:
        where = f"found in {run_id}, not believed"
        line = _newest_recorded(suite, raw, self.facts.commit)
        foreign = self._foreign(line) if line is not None else None
        if line is not None and foreign is not None:
            return _Found(_time(line), None, f"{where}: {foreign}")
        chain = read_chain(raw, ends_whole=whole, run_id=run_id)
        if line is None:
            damage = chain.faults[0] if chain.faults else "no line of it is a recorded result"
            return _Found(LONG_AGO, None, f"{where}: {damage}")
        why, weighs = self._unproved(suite, line, chain), True
        if why is None:
            try:
                return _Found(_time(line), self._result(suite, line, chain))
            except Refused as error:
                why, weighs = error.message, not isinstance(error, NotShipped)
        return _Found(_time(line), None, f"{where}: {why}", weighs)

    def _foreign(self, line: Mapping[str, Any]) -> str | None:
        """Say whose result it is, if not this checkout's, this environment's and of this time."""
        if line.get("commit") != self.facts.commit:
            theirs, ours = short_commit(str(line.get("commit"))), short_commit(self.facts.commit)
            return f"it was recorded under commit {theirs}, and this checkout is at {ours}"
        if line.get("environment") != self.facts.name:
            return f"it was recorded on {line.get('environment')}, and this is {self.facts.name}"
        if _time(line) > self.now() + CLOCKS_DIFFER_MAX:
            return f"it was recorded at {line['time']}, which is yet to come"
        return None

    def _unproved(self, suite: str, line: Mapping[str, Any], chain: Chain) -> str | None:
        """Say what is missing for its journal to prove anything."""
        if chain.faults:
            return f"its journal is not sound ({chain.faults[0]})"
        if not chain.lines or chain.lines[0]["type"] != "run_started":
            return "its journal does not begin with the start of a run"
        others = {str(other.get("commit")) for other in chain.lines} - {self.facts.commit}
        if others:
            return f"a part of its run was carried out under commit {short_commit(min(others))}"
        if any(other.get("environment") != self.facts.name for other in chain.lines):
            return "a part of its run was carried out on another environment"
        if chain.lines[0]["dry_run"] != suite.startswith(DRY_RUN_PREFIX):
            return (
                "it was recorded by a dry-run"
                if chain.lines[0]["dry_run"]
                else "it was not recorded by a dry-run"
            )
        return None if chain.lines[0]["dry_run"] else self._unanchored(line, chain)

    def _unanchored(self, line: Mapping[str, Any], chain: Chain) -> str | None:
        head = self.head(line["run"])
        if head is None:
            return "control has no anchor of this run"
        cut = compare_with_anchor(chain, head)
        if cut is not None:
            return f"its journal is not the one that control has seen ({cut})"
        if line["seq"] in lines_ahead(chain.lines, head[0]):
            return f"line {line['seq']} is ahead of the anchor in control"
        return None

    def _result(self, suite: str, line: Mapping[str, Any], chain: Chain) -> dict[str, Any]:
        """Return what a believed line says.

        Raises `Refused` where the run behind it does not bear it out.
        """
        told: dict[str, Any] = {
            **line["result"],
            "recorded_at": line["time"],
            "run": line["run"],
            "commit": line["commit"],
        }
        told["passed"] = line["result"].get("passed") is True
        if not suite.startswith(FLOWS_PREFIX):
            return told
        head = self.head(line["run"])
        history = read_history(chain.lines, anchored=head[0] if head else 0)
        flows = self._flows(suite, history)
        told |= {"flows": flows, "playbook": history.started["playbook"]["name"]}
        if told["passed"]:
            self._demand_whole(history, flows, told)
        return told

    def _flows(self, suite: str, history: History) -> dict[str, str]:
        """Return how each flow of a shipped playbook ended, as its journal says of the step."""
        stored = history.started["playbook"]
        given = {str(name): str(value) for name, value in stored["parameters"].items()}
        try:
            playbook = self.shipped(stored["name"], given)
        except RubyopsError as error:
            raise NotShipped(
                f"its playbook {stored['name']!r} is not one that ships: {error.message}"
            ) from None
        if (
            stored["kind"] != "rollout"
            or playbook.kind != "rollout"
            or stored["steps"] != _steps(playbook)
        ):
            raise NotShipped(
                f"its steps are not those of the rollout {stored['name']} that ships, whole and unchanged"
            )
        steps = [
            step for step in playbook.steps if suite_of(step, self.command, self.facts) == suite
        ]
        ended = {
            step.id: history.steps[step.id].status for step in steps if step.id in history.steps
        }
        return {
            str(getattr(step.params, "name", step.id)): ended.get(step.id) or "not reached"
            for step in steps
        }

    def _demand_whole(
        self, history: History, flows: Mapping[str, str], told: Mapping[str, Any]
    ) -> None:
        open_flows = [f"{name} {status}" for name, status in flows.items() if status not in DONE]
        if open_flows or not flows:
            raise Refused(
                f"it says passed, and its journal says: {', '.join(open_flows) or 'no flow at all'}"
            )
        if history.state != "finished":
            raise Refused(f"its run did not come to a good end ({history.state})")
        code = told.get("code")
        if not isinstance(code, str) or not code:
            raise Refused(
                f"its run could not tell which code the processes ran: {told.get('code_doubt', 'nothing was asked')}"
            )
        if code != self.facts.code:
            raise Refused(
                f"its processes ran code {short_code(code)}, and this checkout has {short_code(self.facts.code)}"
            )


def _newest_recorded(suite: str, raw: list[str], commit: str) -> dict[str, Any] | None:
    """Return the newest line that this commit recorded.

    Where it recorded none, the newest of any.
    """
    read = [read_line(text)[0] for text in reversed(raw) if suite in text]
    lines = [
        line
        for line in read
        if line is not None and line["type"] == "recorded" and line["suite"] == suite
    ]
    return next(
        (line for line in lines if line.get("commit") == commit), lines[0] if lines else None
    )


def _unknown(found: _Found) -> _Found:
    if found.result is None:
        return found
    doubt = f"found in {found.result['run']}, not believed: control does not know that this run took the lock to prove it"
    return _Found(found.recorded_at, None, doubt, weighs=True)


def _when(found: _Found) -> datetime:
    return found.recorded_at


def _doubts(*kinds: Sequence[_Found]) -> tuple[str, ...]:
    """Return what was found and not believed, of each kind newest first."""
    told = [
        item.doubt for kind in kinds for item in sorted(kind, key=_when, reverse=True) if item.doubt
    ]
    return tuple(told[:DOUBTS_TOLD_MAX])


def _time(line: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(line["time"])


def _steps(playbook: Playbook) -> Any:
    return msgspec.to_builtins(describe_playbook(playbook)["steps"])
