"""Each built release gate passes on a healthy platform, and fails alone under its own fault.

Faults are planted on live services. Two neighbouring faults concern different gates, so that each
run also shows that the gate of the previous fault passes again.
"""

from collections.abc import Sequence
from functools import partial

import pytest

from rubyops.model.recorded import TESTS
from tests.acceptance import gate_04_faults
from tests.acceptance.counted import results_of
from tests.acceptance.faults import BUCKET
from tests.acceptance.gate_faults import FAULTS
from tests.acceptance.gate_stage import Fault
from tests.acceptance.home import Home
from tests.acceptance.platform import Answer, Live
from tests.acceptance.recorded import Stage

pytestmark = [pytest.mark.slow, pytest.mark.fault]
NOT_BUILT = ("gate-06", "gate-09")
HEALTHY = {
    name: "inconclusive" if name in NOT_BUILT else "ok"
    for name in (f"gate-{number:02}" for number in range(1, 11))
}


@pytest.fixture(scope="module")
def rollout(platform: Live) -> str:
    """The run id of a new rollout on the open platform; the gates read its recorded flows."""
    platform.make_open()
    return platform.done("rollout", "local", "--keep-up").run_id


@pytest.fixture
def stage(rollout: str, live: Live, home: Home) -> Stage:
    """A healthy platform on which every built gate can pass."""
    made = Stage(live, results_of(home.folder), rollout, live.player())
    made.results.record(TESTS, passed=True)
    for amount in ("30.00", "20.00"):
        assert live.deposit(made.holder, amount, BUCKET).status_code == 200
    live.settle_down()
    return made


def spread(faults: Sequence[Fault]) -> list[Fault]:
    """Order the faults so that two neighbours concern different gates.

    Of the possible faults, the one that conflicts with most remaining faults comes first.
    """
    left, ordered = list(faults), list[Fault]()
    while left:
        free = [fault for fault in left if not ordered or fault.turns.isdisjoint(ordered[-1].turns)]
        ordered.append(max(free, key=partial(_neighbours_refused, left)))
        left.remove(ordered[-1])
    return ordered


def _neighbours_refused(left: Sequence[Fault], fault: Fault) -> int:
    return sum(not fault.turns.isdisjoint(other.turns) for other in left)


PARAMETERS = [
    pytest.param(
        fault,
        marks=pytest.mark.alters_roles if fault.name in gate_04_faults.ALTERING_ROLES else (),
        id=fault.name,
    )
    for fault in spread(FAULTS)
]


def test_every_built_gate_is_green_on_a_healthy_platform(stage: Stage) -> None:
    answer = stage.live.run("gate")
    assert (answer.code, _statuses(answer)) == (5, HEALTHY)


def test_a_platform_without_a_topology_fails_its_gates_and_no_query() -> None:
    home = Home()
    bare = Live(home, "local")
    try:
        bare.done("up")
        answer = bare.run("gate")
        assert answer.code == 5, answer.told
        statuses = _statuses(answer)
        assert {statuses[name] for name in ("gate-01", "gate-02")} == {"inconclusive"}
        assert {statuses[name] for name in ("gate-05", "gate-07", "gate-08")} == {"inconclusive"}
        assert "no topology is active" in answer.step("gate-07")["summary"]
    finally:
        bare.close()
        bare.run("down")
        home.remove()


@pytest.mark.parametrize("fault", PARAMETERS)
def test_gate_alone_turns_red(stage: Stage, fault: Fault) -> None:
    with fault.plant(stage):
        answer = stage.live.run("gate")
    red = {fault.gate: fault.status, **dict.fromkeys(fault.also, "failed")}
    assert (answer.code, _statuses(answer)) == (5, {**HEALTHY, **red})
    assert fault.words in str(answer.step(fault.gate))


def test_every_built_gate_is_green_again_after_the_last_fault(stage: Stage) -> None:
    assert _statuses(stage.live.run("gate")) == HEALTHY


def _statuses(answer: Answer) -> dict[str, str]:
    return {row["id"]: row["status"] for row in answer.body["results"]}
