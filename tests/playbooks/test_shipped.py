"""Every shipped playbook loads, follows the rules of its kind, and covers its runbook lines."""

from pathlib import Path

import pytest

import playbooks
from commands import flows
from rubyops import bootstrap
from rubyops.registry import CHECKS, PLAYBOOKS

FOLDER = Path(playbooks.__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
FLOWS = {f"FLOW-{n}" for n in range(1, 14)}
LOCAL = {*(f"LOC-{n}" for n in range(1, 11)), *(f"SMK-{n}" for n in range(1, 9)), *FLOWS}
COVERS = {
    "rollout-local": LOCAL,
    "rollout-staging": {"STG-1", "STG-2", "STG-3", "STG-4", "STG-7", *FLOWS},
    "rollback-tier-0": {"PRD-0", "PRD-1a"},
    "rollback-tier-2": {
        "PRD-0",
        "PRD-1a",
        "PRD-1b",
        "PRD-T2a",
        "PRD-T2b",
        "PRD-T2c",
        "PRD-4a",
        "PRD-4b",
        "PRD-4c",
        "PRD-4d",
        "PRD-4e",
    },
    "verify": {"PRD-4a", "PRD-4b", "PRD-4c", "PRD-4d"},
    "gate": {f"GATE-{n}" for n in range(1, 11)},
}


def test_every_file_is_registered_and_has_its_expectation() -> None:
    assert NAMES == sorted(PLAYBOOKS) == sorted(COVERS)


@pytest.mark.parametrize("name", NAMES)
def test_it_loads_and_covers_its_runbook(name: str) -> None:
    playbook = bootstrap.playbook(name)
    assert playbook.name == name
    assert COVERS[name] <= {line for step in playbook.steps for line in step.covers}


def test_tier_0_never_thaws() -> None:
    assert [step.name for step in bootstrap.playbook("rollback-tier-0").steps] == [
        "freeze",
        "freeze-acknowledged",
        "drain-outbox",
    ]


def test_tier_2_follows_the_order_that_keeps_money_safe() -> None:
    names = [step.name for step in bootstrap.playbook("rollback-tier-2").steps]
    levels = [
        getattr(step.params, "level", None)
        for step in bootstrap.playbook("rollback-tier-2").steps
        if step.name == "freeze"
    ]
    order = [
        "freeze",
        "confirm-way-back",
        "drain-outbox",
        "stop-consumers",
        "export",
        "topology-activate",
        "start-consumers",
        "reconcile-ledger",
    ]
    assert levels == ["ingress", "sealed"]
    assert [name for name in names if name in order[1:]] == order[1:]
    assert names[names.index("stop-consumers") + 1] == "freeze"
    assert names[-2:] == ["canary", "thaw"]


def test_every_flow_and_every_gate_that_exists_is_a_step() -> None:
    assert {name for name in flows.FLOWS if name.startswith("FLOW-")} == FLOWS
    gates = {name.upper().replace("-0", "-") for name in CHECKS if name.startswith("gate-")}
    assert gates == COVERS["gate"]


def test_the_gate_asks_every_gate_once() -> None:
    covers = [line for step in bootstrap.playbook("gate").steps for line in step.covers]
    assert covers == [f"GATE-{n}" for n in range(1, 11)]
