"""Begins, rehearses, resumes and verifies runs: the engine's front door."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rubyops.engine.dry_run import dry_run
from rubyops.engine.history import History, describe_playbook, read_history, restore_playbook
from rubyops.engine.journal import Chain, Journal, compare_with_anchor, new_run_id, read_chain
from rubyops.engine.planner import Plan, make_plan, planned_results
from rubyops.engine.report import Reporter, RunReport
from rubyops.engine.runner import Runner
from rubyops.engine.stop import StopWish
from rubyops.engine.tools import Tools
from rubyops.errors import JournalUnwritable, Refused, RubyopsError
from rubyops.model.step import COMMAND_LINE, Playbook
from rubyops.ports import Holder, JournalFile, Journals

PING = "facts_freeze"


@dataclass(frozen=True)
class Session:
    """What every run of this process shares. `scrub` takes the environment's secrets out of a journal line."""

    tools: Tools
    journals: Journals
    holder: Holder
    scrub: Callable[[str], str]
    reporter: Reporter
    stop: StopWish

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
        return dry_run(run_id, plan, self.tools, journal, self.reporter)

    def resume(self, run_id: str) -> RunReport:
        """Go on with a run that was killed, stopped or failed, from the effect that it had reached."""
        file = self.journals.reopen(run_id)
        torn = file.drop_torn_end()
        chain = self._chain(run_id)
        if chain.faults:
            file.close()
            raise Refused(
                f"the journal of {run_id} is not sound ({chain.faults[0]}); it is not resumed", next_command=f"rubyops runs verify {run_id}"
            )
        history = read_history(chain.lines)
        _refuse_ended(history)
        plan = self.plan(restore_playbook(history.started["playbook"], self.tools.command))
        last = chain.lines[-1]
        journal = self._journal(run_id, file, sequence=last["seq"], head=last["hash"])
        journal.write("run_resumed", plan_digest=plan.digest, pid=self.holder.pid, bytes_dropped=torn)
        self.reporter.run_started(run_id, plan.playbook, resumed=True)
        return self._runner(run_id, plan, journal, history).run()

    def history(self, run_id: str) -> tuple[Chain, History]:
        """Read a run back."""
        chain = self._chain(run_id)
        return chain, read_history(chain.lines)

    def faults(self, run_id: str) -> list[str]:
        """Return everything wrong with a run's journal: changed, missing, reordered or cut-off lines. Raises `Unreachable`."""
        cut = compare_with_anchor(self._chain(run_id), self.tools.control.head(run_id))
        return [*self.chain_faults(run_id), *([cut] if cut else [])]

    def chain_faults(self, run_id: str) -> list[str]:
        """Return what the file alone shows: changed, missing and reordered lines."""
        return list(self._chain(run_id).faults)

    def _begin(self, run_id: str, plan: Plan) -> Journal:
        """Begin the run's journal; the brake goes on without one where it cannot be written."""
        try:
            return self._journal(run_id, self.journals.create(run_id), optional=plan.is_brake)
        except JournalUnwritable as fault:
            if not plan.is_brake:
                raise
            return self._journal(run_id, None, optional=True, lost=fault.message)

    def _runner(self, run_id: str, plan: Plan, journal: Journal, history: History | None = None) -> Runner:
        typed = plan.playbook.source == COMMAND_LINE
        owner = f"person:{self.holder.who}" if typed else f"run:{run_id}"
        return Runner(
            run_id,
            plan,
            self.tools,
            journal,
            self.holder,
            self.reporter,
            self.stop,
            history,
            owner,
            self._remark,
        )

    def _remark(self, run_id: str, kind: str, content: dict[str, object]) -> None:
        """Add a line to the journal of another run that has ended, where it is kept here."""
        try:
            file = self.journals.reopen(run_id)
        except RubyopsError as fault:
            self.reporter.note(f"the journal of {run_id} was not told: {fault.message}")
            return
        file.drop_torn_end()
        chain = self._chain(run_id)
        if chain.faults or not chain.lines:
            file.close()
            self.reporter.note(f"the journal of {run_id} is not sound, so it was not told")
            return
        last = chain.lines[-1]
        journal = self._journal(run_id, file, sequence=last["seq"], head=last["hash"])
        journal.write(kind, **content)
        self.tools.control.anchor(run_id, journal.sequence, journal.head)
        journal.close()

    def _chain(self, run_id: str) -> Chain:
        lines, whole = self.journals.read(run_id)
        return read_chain(lines, ends_whole=whole)

    def _journal(self, run_id: str, file: JournalFile | None, **position: Any) -> Journal:
        facts = self.tools.read.environment
        on_every_line = {"run": run_id, "who": self.holder.who, "host": self.holder.host, "commit": facts.commit, "environment": facts.name}
        return Journal(file, on_every_line, scrub=self.scrub, **position)

    def _open(self, journal: Journal, run_id: str, plan: Plan, *, dry: bool) -> None:
        journal.write("run_started", playbook=describe_playbook(plan.playbook), dry_run=dry, pid=self.holder.pid)
        shown = [[result.id, result.status, result.summary] for result in planned_results(plan, self.tools)]
        journal.write("plan", plan_digest=plan.digest, steps=shown)


def _refuse_ended(history: History) -> None:
    if history.started["dry_run"]:
        raise Refused(f"{history.run_id} was a dry-run; there is nothing to resume")
    if history.state == "finished":
        raise Refused(f"{history.run_id} has finished; there is nothing to resume", next_command=f"rubyops runs show {history.run_id}")
