"""Plans each case file below tests/cases, and compares the exact outcome.

A case has facts and parameters. Its outcome is a list of effects, a refusal or a no-op.
"""

import dataclasses
import importlib
import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from checks.platform import (
    code_current,
    forward_progress,
    policy_endpoint,
    service_health,
    topology_endpoint,
)
from commands import start_consumers, start_platform, stop_consumers
from rubyops import running_code
from rubyops.effects.base import AnyEffect
from rubyops.engine.playbook.params import type_params
from rubyops.errors import RubyopsError
from rubyops.model.step import Command, NoOp
from rubyops.ports import Copy, HttpAnswer
from rubyops.registry import COMMANDS
from rubyops.testing.reading import FACTS, MemoryRead
from wallet_runtime.contract.events import CONSUMER_GROUPS
from wallet_runtime.contract.processes import (
    ADMIN_SERVICE,
    GAME_SERVICE,
    GATEWAY,
    PLAYER_SERVICE,
    ROLLING_SERVICE,
    ROLLING_WORKER,
    WALLET_SERVICE,
    WALLET_WORKER,
)

CASES = Path(__file__).parent.parent / "cases"
FILES = sorted(CASES.glob("*/*.yaml"))
OUTCOMES = ("effects", "refused", "unreachable", "usage", "noop")
# The processes that the cases list. A case says nothing of a process that is newer.
SERVICES = (
    GATEWAY,
    WALLET_SERVICE,
    ROLLING_SERVICE,
    GAME_SERVICE,
    PLAYER_SERVICE,
    ADMIN_SERVICE,
)
WORKERS = (WALLET_WORKER, ROLLING_WORKER)
LISTED = (
    (service_health, "API_PROCESSES", SERVICES),
    (forward_progress, "WORKER_PROCESSES", WORKERS),
    (code_current, "PROCESSES", (*SERVICES, *WORKERS)),
    (start_platform, "PROCESSES", (*SERVICES, *WORKERS)),
    (running_code, "PROCESSES", (*SERVICES, *WORKERS)),
    (start_consumers, "CONSUMER_WORKERS", (ROLLING_WORKER,)),
    (stop_consumers, "CONSUMER_WORKERS", (ROLLING_WORKER,)),
)


@pytest.fixture(autouse=True)
def listed_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, processes in LISTED:
        monkeypatch.setattr(module, name, processes)


def _command(name: str) -> Command[Any]:
    command: Command[Any] = importlib.import_module(COMMANDS[name].place).COMMAND
    return command


def _heartbeats(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The heartbeats of a case: every copy reports unless stopped or `reports` says otherwise.

    `reported` holds the code digests of heartbeats.
    """
    beats = {(process, number): state != "stopped" for process, number, state in case["copies"]}
    for process, number, reports in case.get("reports", []):
        beats[process, number] = reports
    common = {"url": "http://127.0.0.1:1", "version": "v", "pid": 1, "acknowledged_epoch": 1}
    common["heartbeat_age_ms"] = 100
    codes = {(process, number): code for process, number, code in case.get("reported", [])}
    rows = []
    for (process, number), reports in beats.items():
        told = {"ended": not reports, "code": codes.get((process, number))}
        rows.append({"process": process, "copy": number, **common, **told})
    return rows


def _loops(case: dict[str, Any]) -> dict[str, Any]:
    loop = {"age_seconds": 0.1, "limit_seconds": 5, "failures": 0}
    return {"loops": {"turns": {**loop, "ok": case.get("progress", False)}}}


def _answers(case: dict[str, Any]) -> dict[tuple[str, int, str], HttpAnswer]:
    """The HTTP answers of a case: loops as in `progress`, and the active pair as in `confirmed`."""
    loops = _loops(case)
    answers = {(process, 1, "/health"): HttpAnswer(200, loops) for process in WORKERS}
    answers |= {
        (process, number, "/health"): HttpAnswer(200, {"process": process, "code": code, **loops})
        for process, number, code in case.get("code", [])
    }
    asked = case.get("activation", {"path": "", "violations": []})
    path = f"/internal/wallet/topology/{asked['path']}"
    for number, violations in enumerate(asked["violations"], 1):
        answers[WALLET_SERVICE, number, path] = HttpAnswer(200, {"violations": violations})
    pair = case.get("confirmed")
    if pair is None:
        return answers
    return answers | {
        (WALLET_SERVICE, 1, topology_endpoint.PATH): HttpAnswer(200, pair),
        (WALLET_SERVICE, 1, policy_endpoint.PATH): HttpAnswer(200, {"policies": [pair]}),
    }


def _read(case: dict[str, Any]) -> MemoryRead:
    copies = [
        Copy(process, number, "http://127.0.0.1:1", 1, state)
        for process, number, state in case.get("copies", [])
    ]
    environment = dataclasses.replace(FACTS, **case.get("environment", {}))
    caught_up = [
        {"stream": stream, "group": group, "lag": 0, "pending": 0, "length": 1}
        for stream, group in CONSUMER_GROUPS
    ]
    groups = caught_up if case.get("groups") == "drained" else []
    facts = dict(case.get("facts", {}))
    if "copies" in case:
        facts.setdefault("facts_service_copies", _heartbeats(case))
    return MemoryRead(
        facts=facts,
        kept=copies,
        answers=_answers(case),
        recorded=case.get("results", {}),
        environment=environment,
        stream_groups=groups,
        mute=case.get("mute"),
    )


def _outcome(name: str, case: dict[str, Any]) -> dict[str, Any]:
    command = _command(name)
    typed, wrong = type_params(command.params, case.get("params", {}))
    assert not wrong
    try:
        wanted = command.plan(command.params(**typed), _read(case))
    except RubyopsError as error:
        key = {3: "refused", 4: "unreachable"}.get(error.exit_code, "usage")
        return {key: {"message": error.message, "next": error.next_command}}
    if isinstance(wanted, NoOp):
        return {"noop": wanted.reason}
    return {"effects": [_plain(effect) for effect in wanted.effects]}


def _plain(effect: AnyEffect) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(
        json.dumps({"effect": type(effect).__name__, **dataclasses.asdict(effect)})
    )
    return plain


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(path: Path) -> None:
    case = YAML(typ="safe").load(path)
    expected = {key: case[key] for key in OUTCOMES if key in case}
    assert len(expected) == 1, f"a case expects exactly one of {', '.join(OUTCOMES)}"
    assert _outcome(path.parent.name, case) == expected


def test_every_command_has_cases_and_no_case_lacks_its_command() -> None:
    assert {path.parent.name for path in FILES} == set(COMMANDS)
