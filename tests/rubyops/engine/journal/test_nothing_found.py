"""Missing information proves nothing: not for an effect in doubt, nor for a recorded result."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from rubyops.effects.platform import StopProcesses
from rubyops.engine.journal.history import StepRecord
from rubyops.engine.journal.lines import Content, SuiteRecorded
from rubyops.engine.journal.suites import record_rollout
from rubyops.engine.plan.step_plan import Plan, StepPlan
from rubyops.engine.report import StepResult, status_of
from rubyops.errors import CheckFailed, Inconclusive, Unreachable
from rubyops.model.exit_code import ExitCode
from rubyops.model.step import Command, Planned, Playbook, Step
from rubyops.ports import Copy
from rubyops.testing.reading import StillRead

STOP = StopProcesses(("rolling_worker",))


def worker(state: str, pid: int) -> Copy:
    return Copy("rolling_worker", 1, "http://127.0.0.1:1", pid, state)


@pytest.mark.parametrize(
    ("running", "verdict"),
    [
        ([], "not applied"),  # a driver without such copies has stopped none
        ([worker("running", 7)], "not applied"),
        ([worker("stopped", 0)], "applied"),
    ],
)
def test_a_stop_is_applied_where_a_stopped_copy_is_seen(running: list[Copy], verdict: str) -> None:
    read = StillRead()
    read.kept = running
    assert STOP.in_doubt(read) == verdict


def test_a_stop_in_doubt_stays_so_where_the_driver_does_not_answer() -> None:
    class Mute(StillRead):
        def copies(self) -> Any:
            raise Unreachable("its socket is gone")

    with pytest.raises(Unreachable, match="its socket is gone"):
        STOP.in_doubt(Mute())


def test_inconclusive_is_a_check_that_failed_and_is_called_by_its_name() -> None:
    assert isinstance(Inconclusive("nothing to play on"), CheckFailed)
    assert Inconclusive.exit_code == ExitCode.CHECK_FAILED
    assert status_of(Inconclusive("nothing to play on")) == "inconclusive"
    assert status_of(CheckFailed("it did not hold")) == "failed"


def test_an_inconclusive_effect_is_planned_afresh_by_a_resume() -> None:
    record = StepRecord(effects=({},), intents=frozenset({1}), outcomes={1: "inconclusive"}, last=1)
    assert record.remaining() is None


@dataclass
class Kept:
    """A stub of the journal that keeps recorded suites."""

    results: list[dict[str, Any]] = field(default_factory=list)

    def write(self, content: Content) -> None:
        """Keep the result."""
        assert isinstance(content, SuiteRecorded)
        self.results.append(content.result)


@pytest.mark.parametrize(
    ("statuses", "passed"),
    [(("noop", "noop"), False), (("ok", "noop"), True), (("ok", "inconclusive"), False)],
)
def test_a_suite_of_which_nothing_was_played(statuses: tuple[Any, ...], passed: bool) -> None:
    steps = tuple(Step(str(n), "t", "command", "flow", None, (), 1) for n in range(len(statuses)))
    plans = tuple(StepPlan(step, "noop") for step in steps)
    plan = Plan(Playbook("p", "p", "rollout", steps, {}, ""), plans, "p-1")
    command: Command[Any] = Command(
        "flow",
        object,
        lambda params, read: Planned((), {}),
        records=lambda params, facts: "flows",
    )

    class Library:
        read = StillRead()

        @staticmethod
        def command(name: str) -> Command[Any]:
            return command

    kept = Kept()
    results = [StepResult(str(n), "t", status, "") for n, status in enumerate(statuses)]
    record_rollout(plan, results, Library(), kept)  # type: ignore[arg-type]
    assert [result["passed"] for result in kept.results] == [passed]
