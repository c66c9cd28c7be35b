"""A plan computes each step from present facts and describes it in the words of a run."""

from dataclasses import replace
from typing import Any

import pytest

from rubyops.effects.base import AnyEffect
from rubyops.effects.flow import RunFlow
from rubyops.effects.freeze import RaiseFreeze
from rubyops.effects.platform import StartPlatform
from rubyops.effects.service_call import CallService
from rubyops.effects.wait import WaitFor
from rubyops.engine.engine_ports import EnginePorts
from rubyops.engine.plan.planner import make_plan, planned_result, planned_results
from rubyops.engine.plan.step_plan import Plan, StepPlan, same_as_shown
from rubyops.errors import Refused, Unreachable
from rubyops.model.step import Command, NoOp, Planned, Playbook, Step, StepKind
from rubyops.ports import Read
from rubyops.testing.reading import StillRead

CALL = CallService("wallet_service", "POST", "/x")
FREEZE, WAIT, START = RaiseFreeze("ingress", ""), WaitFor("health", 1.0), StartPlatform()
PLAYS = RunFlow("FLOW-1")


def asking(read: Read) -> Planned:
    """A plan that reads the gate row, which fails while the platform is down."""
    read.one("facts_gate")
    return Planned((CALL,), {})


def refusing(read: Read) -> Planned:
    raise Refused("money is not frozen", next_command="rubyops freeze")


PLANS: dict[str, Any] = {
    "start": lambda read: Planned((START,), {}),
    "call": lambda read: Planned((CALL,), {"version": 2}),
    "nothing": lambda read: NoOp("it is so already"),
    "ask": asking,
    "refuse": refusing,
}


def command(name: str) -> Command[Any]:
    def plan(params: object, read: Read) -> Planned | NoOp:
        found: Planned | NoOp = PLANS[name](read)
        return found

    late = "known later" if name == "ask" else None
    return Command(name, object, plan, undo=f"rubyops undo {name}", unplannable=late)


def planned(*names: str) -> Plan:
    nothing: Any = None
    ports = EnginePorts(
        StillRead(), nothing, nothing, nothing, nothing, command, nothing, nothing, nothing
    )
    steps = tuple(step(name) for name in names)
    return make_plan(Playbook("p", "P", "task", steps, {}, "a test"), ports)


def step(name: str) -> Step:
    kind: StepKind = "check" if name.startswith("check") else "command"
    return Step(name, name.title(), kind, name, None, ("PRD-1",), 1)


def a_plan(*effects: AnyEffect, verdict: Any = "planned") -> Plan:
    plan = StepPlan(step("call"), verdict, effects)
    return Plan(Playbook("p", "P", "task", (plan.step,), {}, ""), (plan,), "p-1")


def test_each_step_says_what_it_would_do() -> None:
    plan = planned("call", "nothing", "refuse", "check-it")
    told = [(row.status, row.summary) for row in planned_results(plan)]
    assert told == [
        ("skipped", "would POST /x on wallet_service"),
        ("noop", "it is so already"),
        ("refused", "refused today: money is not frozen"),
        ("skipped", "would check check-it"),
    ]


def test_a_row_has_facts_effects_undo_and_the_lines_that_it_covers() -> None:
    row = planned_result(planned("call").steps[0])
    assert row.details == {
        "version": 2,
        "effects": ["POST /x on wallet_service"],
        "undo": "rubyops undo call",
    }
    assert row.covers == ("PRD-1",)


def test_a_platform_that_is_down_ends_the_planning() -> None:
    with pytest.raises(Unreachable):
        planned("ask")


def test_behind_a_start_of_the_platform_it_is_unknown() -> None:
    plan = planned("start", "ask")
    row = planned_result(plan.steps[1])
    assert (row.status, plan.needs_confirmation) == ("unknown", True)
    assert row.summary.startswith("cannot be known before the platform runs")
    assert row.details["cannot_be_known_yet"] == "known later"


def test_a_digest_stands_for_the_effects() -> None:
    assert planned("call").digest == planned("call").digest
    assert (
        len({planned(*names).digest for names in (("call",), ("start",), ("call", "start"))}) == 3
    )


@pytest.mark.parametrize(
    ("effects", "changes", "brake", "confirm"),
    [
        ((CALL,), True, False, True),
        ((WAIT,), False, False, False),
        ((FREEZE,), True, True, False),
        ((FREEZE, WAIT), True, False, False),
        ((START,), True, False, False),
        ((PLAYS,), True, False, False),
        ((), False, False, False),
    ],
)
def test_a_plan_is_judged_by_the_traits_of_its_effects(
    effects: tuple[AnyEffect, ...], changes: bool, brake: bool, confirm: bool
) -> None:
    plan = a_plan(*effects)
    assert (plan.changes, plan.is_brake, plan.needs_confirmation) == (changes, brake, confirm)


def test_a_plan_that_is_not_known_yet_may_change_anything() -> None:
    plan = a_plan(verdict="unknown")
    assert (plan.changes, plan.is_brake, plan.needs_confirmation) == (True, False, True)


SHOWN, OTHER = StepPlan(step("call"), "planned", (CALL,)), CallService("gateway", "POST", "/y")


@pytest.mark.parametrize(
    ("shown", "now", "changed_before", "same"),
    [
        (SHOWN, SHOWN, False, True),
        (SHOWN, replace(SHOWN, effects=(OTHER,)), False, False),
        (SHOWN, replace(SHOWN, effects=(OTHER,)), True, False),
        (SHOWN, replace(SHOWN, effects=(OTHER,), unplannable="known later"), False, True),
        (SHOWN, StepPlan(step("call"), "noop"), False, True),
        (StepPlan(step("call"), "noop"), SHOWN, False, False),
        (StepPlan(step("call"), "noop"), SHOWN, True, True),
        (StepPlan(step("call"), "refused"), SHOWN, False, False),
        (StepPlan(step("call"), "unknown"), SHOWN, False, True),
        (StepPlan(step("call"), "noop"), replace(SHOWN, effects=(WAIT,)), False, True),
    ],
)
def test_a_step_goes_on_as_it_was_shown(
    shown: StepPlan, now: StepPlan, changed_before: bool, same: bool
) -> None:
    assert same_as_shown(shown, now, changed_before=changed_before) is same
