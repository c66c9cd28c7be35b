"""Checks the money invariants before and after a step, and freezes money if one is broken."""

from dataclasses import dataclass
from typing import Literal

from rubyops.engine.engine_ports import EnginePorts
from rubyops.engine.report import Reporter
from rubyops.engine.run.ending import NextLine
from rubyops.engine.run.perform import NumberedEffect, Performer
from rubyops.engine.run.state import StepState
from rubyops.errors import Refused, RubyopsError
from rubyops.model.finding import Finding


@dataclass(frozen=True)
class MoneyWatch:
    """Checks the guard's invariants, and carries out the freeze for a broken one."""

    ports: EnginePorts
    performer: Performer
    reporter: Reporter
    next_line: NextLine

    def assert_holds(self, state: StepState, when: Literal["before", "after"]) -> None:
        """If an invariant does not hold, freeze money and raise `Refused`."""
        broken = self.ports.guard.first_broken()
        if broken is None:
            return
        name, finding = broken
        self._brake(state, name, finding)
        raise self._refused(name, finding, f"{when} step {state.step.id}")

    def _refused(self, name: str, finding: Finding, moment: str) -> Refused:
        return Refused(
            f"money invariant {name} does not hold {moment}: {finding.summary}. "
            f"Money is {self.ports.freeze().verdict.sentence}",
            next_command=self.next_line.of("reconcile ledger"),
            details={"invariant": name, **finding.details},
        )

    def _brake(self, state: StepState, name: str, finding: Finding) -> None:
        """Carry out the freeze for a broken invariant; if that fails, only report a note."""
        try:
            effect = self.ports.guard.brake(name, finding)
            if effect is not None:
                wanted = NumberedEffect(state.step.id, state.last_number + 1, effect)
                self.performer.perform(wanted, guard=True)
        except RubyopsError as fault:
            self.reporter.note(f"the freeze is not confirmed: {fault.message}")
