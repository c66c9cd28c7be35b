"""Starts, dry-runs, resumes and verifies runs; callers use the engine through `Session`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from rubyops.engine.engine_ports import EnginePorts
from rubyops.engine.journal import lines
from rubyops.engine.journal.chain import Chain, anchor_faults, lines_ahead
from rubyops.engine.journal.history import History, read_history
from rubyops.engine.journal.reading import Reading, read_journal
from rubyops.engine.journal.remark import Remark
from rubyops.engine.journal.run_id import new_run_id
from rubyops.engine.journal.store import JournalFile, Journals
from rubyops.engine.journal.stored_playbook import StoredPlaybook
from rubyops.engine.journal.suites import proves
from rubyops.engine.journal.writer import Journal
from rubyops.engine.plan.planner import make_plan, planned_results
from rubyops.engine.plan.step_plan import Plan
from rubyops.engine.report import Reporter, RunReport
from rubyops.engine.run.dry_run import DryRun
from rubyops.engine.run.perform import RunIdentity
from rubyops.engine.run.resumption import refuse_ended, restored, resumable
from rubyops.engine.run.runner import Runner
from rubyops.errors import JournalUnwritable
from rubyops.model.recorded import short_commit
from rubyops.model.step import COMMAND_LINE, Playbook
from rubyops.ports import Holder
from rubyops.stop_signal import StopSignal

PING = "facts_freeze"


class _Resumable(NamedTuple):
    """A run that can be resumed: its journal, the number of its anchored line, and a new plan."""

    chain: Chain
    anchored: int
    history: History
    plan: Plan


@dataclass(frozen=True)
class Session:
    """The engine for one environment, with the objects that all runs of this process share."""

    ports: EnginePorts
    journals: Journals
    holder: Holder
    reporter: Reporter
    stop: StopSignal

    def plan(self, playbook: Playbook) -> Plan:
        """Plan the playbook, and show the plan to the reporter."""
        plan = make_plan(playbook, self.ports)
        self.reporter.plan(playbook, planned_results(plan), plan.digest)
        return plan

    def start(self, playbook: Playbook, confirm: Callable[[Plan], None]) -> RunReport:
        """Plan the playbook and carry it out as a new run, unless `confirm` raises an error."""
        plan = self.plan(playbook)
        confirm(plan)
        run_id = new_run_id()
        journal = self._begin(run_id, plan)
        self._open(journal, plan, dry=False)
        self.reporter.run_started(run_id, playbook, resumed=False)
        return self._runner(run_id, plan, journal).run()

    def rehearse(self, playbook: Playbook) -> RunReport:
        """Do a dry-run, which writes nothing except its own journal.

        Raises `Unreachable` if the environment is down.
        """
        self.ports.read.one(PING, database="control")
        plan = self.plan(playbook)
        run_id = new_run_id()
        journal = self._journal(run_id, self.journals.create(run_id))
        self._open(journal, plan, dry=True)
        return DryRun(run_id, plan, self.ports, journal, self.reporter, self.stop).run()

    def resume(self, run_id: str) -> RunReport:
        """Resume a killed, stopped or failed run at the effect that it had reached.

        The journal is compared with its anchor before anything is written. A damaged journal stays
        untouched, so that `runs verify` can still report the damage.
        """
        file = self.journals.reopen(run_id)
        try:
            found = self._resumable(run_id)
            dropped = file.drop_torn_end()
        except BaseException:
            file.close()
            raise
        self._tell_other_commit(found.history)
        journal = self._journal(run_id, file, after=found.chain.lines)
        journal.write(self._resumed(found, dropped))
        self.reporter.run_started(run_id, found.plan.playbook, resumed=True)
        return self._runner(run_id, found.plan, journal, found.history).run()

    def _resumable(self, run_id: str) -> _Resumable:
        """Read a run's journal and plan its playbook. Raises `Refused` if it cannot be resumed."""
        chain, anchored = resumable(self.reading(run_id), self.ports)
        history = read_history(chain.lines, anchored=anchored)
        refuse_ended(history)
        return _Resumable(chain, anchored, history, self.plan(restored(history, self.ports)))

    def _resumed(self, found: _Resumable, dropped: int) -> lines.RunResumed:
        return lines.RunResumed(
            plan_digest=found.plan.digest,
            pid=self.holder.pid,
            bytes_dropped=dropped,
            anchored=found.anchored,
        )

    def reading(self, run_id: str) -> Reading:
        """Read a run's journal, even a damaged one. Raises `UsageError` for an unknown run."""
        return read_journal(self.journals, run_id)

    def faults(self, run_id: str) -> list[str]:
        """Return the faults of a journal, and how it contradicts its anchor.

        Raises `Unreachable`.
        """
        reading = self.reading(run_id)
        return [*reading.faults, *anchor_faults(reading.chain, self.ports.control.head(run_id))]

    def ahead(self, run_id: str) -> int:
        """Count the lines that are newer than the anchor, or were newer at a resume."""
        head = self.ports.control.head(run_id)
        if head is None:
            return 0
        return len(lines_ahead(self.reading(run_id).chain.lines, head[0]))

    def _tell_other_commit(self, history: History) -> None:
        now = self.ports.read.environment.commit
        others = [short_commit(commit) for commit in history.commits if commit != now]
        if others:
            begun = f"{history.run_id} was begun under commit {', '.join(others)}"
            self.reporter.note(
                f"{begun} and goes on under {short_commit(now)}: "
                "what it records is no evidence for either"
            )

    def _begin(self, run_id: str, plan: Plan) -> Journal:
        """Create the run's journal; a brake run continues without one if that fails."""
        try:
            return self._journal(run_id, self.journals.create(run_id), optional=plan.is_brake)
        except JournalUnwritable as fault:
            if not plan.is_brake:
                raise
            return self._journal(run_id, None, optional=True, lost=fault.message)

    def _runner(
        self, run_id: str, plan: Plan, journal: Journal, history: History | None = None
    ) -> Runner:
        remark = Remark(self.journals, self.ports.control, self._journal, self.reporter)
        taken = lines.FreezeTakenOver(by_run=run_id, by=self.holder.who)
        return Runner(
            self._identity(run_id, plan),
            plan,
            self.ports,
            journal,
            self.reporter,
            self.stop,
            history,
            lambda other: remark.add(other, taken),
        )

    def _identity(self, run_id: str, plan: Plan) -> RunIdentity:
        typed = plan.playbook.source == COMMAND_LINE
        owner = f"person:{self.holder.who}" if typed else f"run:{run_id}"
        commit = self.ports.read.environment.commit
        holder = replace(self.holder, commit=commit, proves=proves(plan, self.ports))
        return RunIdentity(run_id, holder, owner)

    def _journal(self, run_id: str, file: JournalFile | None, **position: Any) -> Journal:
        facts = self.ports.read.environment
        origin = lines.Origin(
            run=run_id,
            who=self.holder.who,
            host=self.holder.host,
            commit=facts.commit,
            environment=facts.name,
        )
        return Journal(file, origin, **position)

    def _open(self, journal: Journal, plan: Plan, *, dry: bool) -> None:
        journal.write(
            lines.RunStarted(
                playbook=StoredPlaybook.of(plan.playbook), dry_run=dry, pid=self.holder.pid
            )
        )
        shown = tuple(result.row for result in planned_results(plan))
        journal.write(lines.PlanShown(plan_digest=plan.digest, steps=shown))
