"""Begins, rehearses, resumes and verifies runs: the engine's front door."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from rubyops.engine.dry_run import dry_run
from rubyops.engine.journal import lines
from rubyops.engine.journal.chain import Chain, Head, anchor_faults, lines_ahead, needs_anchor
from rubyops.engine.journal.history import History, read_history
from rubyops.engine.journal.reading import Reading, read_journal
from rubyops.engine.journal.run_id import new_run_id
from rubyops.engine.journal.store import JournalFile, Journals
from rubyops.engine.journal.stored_playbook import StoredPlaybook
from rubyops.engine.journal.suites import proves
from rubyops.engine.journal.writer import Journal
from rubyops.engine.planner import Plan, make_plan, planned_results
from rubyops.engine.report import Reporter, RunReport
from rubyops.engine.runner import Runner
from rubyops.engine.stop import StopSignal
from rubyops.engine.tools import EnginePorts
from rubyops.errors import JournalUnwritable, Refused, RubyopsError, Unreachable
from rubyops.model.recorded import short_commit
from rubyops.model.step import COMMAND_LINE, Playbook
from rubyops.ports import Holder

PING = "facts_freeze"


@dataclass(frozen=True)
class Session:
    """Ports, journals, holder and reporter, which all runs of this process share."""

    tools: EnginePorts
    journals: Journals
    holder: Holder
    reporter: Reporter
    stop: StopSignal

    def plan(self, playbook: Playbook) -> Plan:
        """Make and show the plan."""
        plan = make_plan(playbook, self.tools)
        self.reporter.plan(playbook, planned_results(plan, self.tools), plan.digest)
        return plan

    def start(self, playbook: Playbook, confirm: Callable[[Plan], None]) -> RunReport:
        """Plan, let `confirm` refuse, and carry the playbook out under a new run."""
        plan = self.plan(playbook)
        confirm(plan)
        run_id = new_run_id()
        journal = self._begin(run_id, plan)
        self._open(journal, run_id, plan, dry=False)
        self.reporter.run_started(run_id, playbook, resumed=False)
        return self._runner(run_id, plan, journal).run()

    def rehearse(self, playbook: Playbook) -> RunReport:
        """Plan and look, write nothing but this run's own journal. Raises `Unreachable` on an environment that is down."""
        self.tools.read.one(PING, database="control")
        plan = self.plan(playbook)
        run_id = new_run_id()
        journal = self._journal(run_id, self.journals.create(run_id))
        self._open(journal, run_id, plan, dry=True)
        return dry_run(run_id, plan, self.tools, journal, self.reporter, self.stop)

    def resume(self, run_id: str) -> RunReport:
        """Go on with a run that was killed, stopped or failed, from the effect that it had reached.

        Its journal is compared with its anchor before a byte of it is touched: one that was
        changed, cut off or replaced is left as it was found, so that `runs verify` says so for
        ever.
        """
        file = self.journals.reopen(run_id)
        try:
            chain, anchored = self._resumable(run_id)
            history = read_history(chain.lines, anchored=anchored)
            _refuse_ended(history)
            plan = self.plan(self._restored(history))
            torn = file.drop_torn_end()
        except BaseException:
            file.close()
            raise
        self._tell_other_commit(history)
        journal = self._journal(run_id, file, after=chain.lines)
        journal.write(
            lines.RunResumed(
                plan_digest=plan.digest,
                pid=self.holder.pid,
                bytes_dropped=torn,
                anchored=anchored,
            )
        )
        self.reporter.run_started(run_id, plan.playbook, resumed=True)
        return self._runner(run_id, plan, journal, history).run()

    def reading(self, run_id: str) -> Reading:
        """Read a run back, damaged or not. Raises `UsageError` for a run that is not there."""
        return read_journal(self.journals, run_id)

    def faults(self, run_id: str) -> list[str]:
        """Return what is wrong with a journal, by itself and by its anchor.

        Raises `Unreachable`.
        """
        reading = self.reading(run_id)
        return [*reading.faults, *anchor_faults(reading.chain, self.tools.control.head(run_id))]

    def ahead(self, run_id: str) -> int:
        """Count the lines that control has not seen, or had not seen when the run was resumed."""
        head = self.tools.control.head(run_id)
        return (
            len(lines_ahead(self.reading(run_id).chain.lines, head[0])) if head is not None else 0
        )

    def _resumable(self, run_id: str) -> tuple[Chain, int]:
        """Return the journal and the newest line number that control has seen, or refuse."""
        reading = self.reading(run_id)
        if reading.faults:
            raise self._unsound(run_id, reading.faults[0])
        if reading.chain.newer:
            raise Refused(
                f"{run_id} is not resumed by this version: {reading.chain.newer}; "
                "nothing was changed",
                next_command=f"rubyops runs verify {run_id}",
            )
        here = self.tools.read.environment.name
        elsewhere = [line.environment for line in reading.chain.lines if line.environment != here]
        if elsewhere:
            raise self._unsound(
                run_id, f"a line of it is of the environment {elsewhere[0]!r}, and this is {here!r}"
            )
        head = self._head(reading.chain, run_id)
        for fault in anchor_faults(reading.chain, head):
            raise self._unsound(run_id, fault)
        return reading.chain, head[0] if head is not None else 0

    def _head(self, chain: Chain, run_id: str) -> Head:
        try:
            return self.tools.control.head(run_id)
        except Unreachable as error:
            if not needs_anchor(chain):
                return None
            raise Unreachable(
                f"the journal of {run_id} cannot be compared with its anchor, so nothing was resumed: {error.message}",
                next_command=f"rubyops up -e {self.tools.read.environment.name}",
            ) from error

    def _unsound(self, run_id: str, fault: str) -> Refused:
        return Refused(
            f"the journal of {run_id} is not sound ({fault}); it is not resumed, and nothing was changed",
            next_command=f"rubyops runs verify {run_id}",
        )

    def _restored(self, history: History) -> Playbook:
        try:
            for record in history.steps.values():
                record.remaining()  # every effect that is left must be one that this version knows
            return history.playbook.restore(self.tools.command)
        except (KeyError, TypeError, msgspec.ValidationError) as error:
            raise Refused(
                f"the steps of {history.run_id} cannot be read by this version ({error}); nothing was changed"
            ) from error

    def _tell_other_commit(self, history: History) -> None:
        now = self.tools.read.environment.commit
        others = [short_commit(commit) for commit in history.commits if commit != now]
        if others:
            self.reporter.note(
                f"{history.run_id} was begun under commit {', '.join(others)} and goes on under {short_commit(now)}: "
                "what it records is no evidence for either"
            )

    def _begin(self, run_id: str, plan: Plan) -> Journal:
        """Begin the run's journal; the brake goes on without one where it cannot be written."""
        try:
            return self._journal(run_id, self.journals.create(run_id), optional=plan.is_brake)
        except JournalUnwritable as fault:
            if not plan.is_brake:
                raise
            return self._journal(run_id, None, optional=True, lost=fault.message)

    def _runner(
        self, run_id: str, plan: Plan, journal: Journal, history: History | None = None
    ) -> Runner:
        typed = plan.playbook.source == COMMAND_LINE
        owner = f"person:{self.holder.who}" if typed else f"run:{run_id}"
        return Runner(
            run_id,
            plan,
            self.tools,
            journal,
            replace(
                self.holder,
                commit=self.tools.read.environment.commit,
                proves=proves(plan, self.tools),
            ),
            self.reporter,
            self.stop,
            history,
            owner,
            self._remark,
        )

    def _remark(self, run_id: str, content: lines.Content) -> None:
        """Add a line to the journal of another run that has ended, where it is kept here.

        The line is anchored, so the journal must be the one that control knows, to its last line:
        an anchor that moves on over a forged journal would have everybody believe it.
        """
        try:
            file = self.journals.reopen(run_id)
            try:
                self._append_to(run_id, file, content)
            finally:
                file.close()
        except RubyopsError as fault:
            # The act itself is done, and control's own history tells of it.
            self.reporter.note(
                f"the journal of {run_id} was not told that this run took over its freeze: "
                f"{fault.message}; see: rubyops runs verify {run_id}"
            )

    def _append_to(self, run_id: str, file: JournalFile, content: lines.Content) -> None:
        chain = self._as_anchored(run_id)
        file.drop_torn_end()
        journal = self._journal(run_id, file, after=chain.lines)
        journal.write(content)
        self.tools.control.anchor(run_id, journal.sequence, journal.head)

    def _as_anchored(self, run_id: str) -> Chain:
        """Return a journal that is the very one that control knows.

        Raises `Refused` for another, `Unreachable`.
        """
        reading, head = self.reading(run_id), self.tools.control.head(run_id)
        faults = [*reading.faults, *anchor_faults(reading.chain, head)]
        kept = reading.chain.lines
        if not faults and head is None:
            faults = ["control has no anchor of it"]
        elif not faults and head is not None and kept[-1].seq != head[0]:
            faults = [f"it ends at line {kept[-1].seq}, and control has seen line {head[0]} last"]
        if faults:
            raise Refused(
                f"it is not the one that control knows ({faults[0]}), so it was not touched"
            )
        return reading.chain

    def _journal(self, run_id: str, file: JournalFile | None, **position: Any) -> Journal:
        facts = self.tools.read.environment
        origin = lines.Origin(
            run=run_id,
            who=self.holder.who,
            host=self.holder.host,
            commit=facts.commit,
            environment=facts.name,
        )
        return Journal(file, origin, **position)

    def _open(self, journal: Journal, run_id: str, plan: Plan, *, dry: bool) -> None:
        journal.write(
            lines.RunStarted(
                playbook=StoredPlaybook.of(plan.playbook), dry_run=dry, pid=self.holder.pid
            )
        )
        shown = tuple(
            (result.id, result.status, result.summary)
            for result in planned_results(plan, self.tools)
        )
        journal.write(lines.PlanShown(plan_digest=plan.digest, steps=shown))


def _refuse_ended(history: History) -> None:
    if history.dry_run:
        raise Refused(f"{history.run_id} was a dry-run; there is nothing to resume")
    if history.state == "finished":
        raise Refused(
            f"{history.run_id} has finished; there is nothing to resume",
            next_command=f"rubyops runs show {history.run_id}",
        )
