"""Playbooks of tiny commands, for the engine on a real control database and real files.

The kill tests run this module as a program and kill it. The program writes its acts to a file that
outlives the process.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commands import suites
from rubyops.adapters.control import ControlDatabase
from rubyops.adapters.database import Link
from rubyops.adapters.host import this_process
from rubyops.adapters.journal_file import JournalFolder
from rubyops.effects.freeze import RaiseFreeze, TakeOverFreeze
from rubyops.effects.platform import StartProcesses, StopProcesses
from rubyops.effects.service_call import CallService
from rubyops.engine.playbook.names import Library
from rubyops.engine.report import Silent
from rubyops.engine.session import Session
from rubyops.model.finding import passed
from rubyops.model.step import Check, Command, Planned, Playbook, Step
from rubyops.ports import CheckRunner, Read
from rubyops.stop_signal import StopSignal
from rubyops.testing.effects import Recorder
from rubyops.testing.reading import StillRead, always_ok
from tests.rubyops.engine.doubles import engine_ports


@dataclass(frozen=True)
class Params:
    """The number of calls, and a word."""

    calls: int = 1
    word: str = ""


def _several(params: Params, read: Read) -> Planned:
    del read
    return Planned(
        tuple(
            CallService("wallet_service", "POST", f"/{number}") for number in range(params.calls)
        ),
        {"word": params.word},
    )


def _freeze(params: Params, read: Read) -> Planned:
    del params, read
    return Planned((RaiseFreeze("ingress", "a test"),), {})


def _adopt(params: Params, read: Read) -> Planned:
    del read
    return Planned((TakeOverFreeze(params.word),), {})


def _restart(params: Params, read: Read) -> Planned:
    del params, read
    return Planned((StopProcesses(("rolling_worker",)), StartProcesses(("rolling_worker",))), {})


COMMANDS: dict[str, Command[Any]] = {
    "adopt": Command("adopt", Params, _adopt, guard_money=False),
    "freeze": Command("freeze", Params, _freeze, guard_money=False),
    "several": Command("several", Params, _several),
    "suites": suites.COMMAND,
    "restart": Command("restart", Params, _restart),
}
CHECKS = {"fine": Check("fine", "Fine", ("GATE-1",), lambda read: passed("fine"))}
LIBRARY = Library(tuple(COMMANDS), tuple(CHECKS), COMMANDS.__getitem__, CHECKS.__getitem__)


def playbook(*steps: tuple[str, str, Params | None], kind: Any = "task") -> Playbook:
    """Make a playbook of (id, command or check, params)."""
    made = tuple(
        Step(name, name, "command" if name_ in COMMANDS else "check", name_, params, (), 1)
        for name, name_, params in steps
    )
    return Playbook("tiny", "Tiny", kind, made, {}, "a test")


def session(
    control_dsn: str,
    home: Path,
    operate: Recorder,
    *,
    check: CheckRunner = always_ok,
    read: StillRead | None = None,
) -> Session:
    """Make a session on a real control database and a real journal folder."""
    control = ControlDatabase(Link(lambda: control_dsn, "the test's control"))
    reader = read or StillRead({"facts_freeze": [{"level": "open"}]})
    ports = engine_ports(reader, control, operate, check, COMMANDS.__getitem__)
    return Session(ports, JournalFolder(home / "journal"), this_process(), Silent(), StopSignal())


def main(control_dsn: str, home: str, run_id: str) -> None:
    """Run the kill tests' playbook, or resume a run of it."""
    acts = Path(home) / "acts.ndjson"

    def remember(verb: str, subject: str) -> None:
        with acts.open("a", encoding="utf-8") as file:
            file.write(json.dumps([verb, subject]) + "\n")

    engine = session(control_dsn, Path(home), Recorder(remember))
    killed = playbook(
        ("freeze", "freeze", Params()),
        ("several", "several", Params(calls=2)),
        ("restart", "restart", Params()),
        ("last", "fine", None),
    )
    report = engine.resume(run_id) if run_id else engine.start(killed, lambda plan: None)
    sys.exit(int(report.exit_code))


if __name__ == "__main__":
    main(*sys.argv[1:])
