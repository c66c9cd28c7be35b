"""Finds commands, checks, flows and playbooks by name, and opens environments.

Shell completion and `--help` import this module, too. To keep them fast, drivers and their adapters
are imported only when an environment is opened (`rubyops.wiring`).
"""

import os
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import playbooks
from rubyops import config
from rubyops.adapters.checkout import name_commit
from rubyops.adapters.local import binaries
from rubyops.adapters.results import SealedResults
from rubyops.engine.playbook.load import load_playbook
from rubyops.engine.playbook.names import Library, suggest
from rubyops.engine.report import Silent
from rubyops.errors import UsageError
from rubyops.model.environment import Environment
from rubyops.model.step import COMMAND_LINE, Check, Command, Playbook, Step
from rubyops.ports import EnvironmentFacts
from rubyops.registry import CHECKS, COMMANDS, PLAYBOOKS
from rubyops.stop_signal import StopSignal
from sql.code import code_digest

if TYPE_CHECKING:
    from rubyops.effects.flow import Flow
    from rubyops.engine.session import Session
    from rubyops.wiring import EnvironmentServices


def open_environment(name: str | None) -> "EnvironmentServices":
    """Open the named environment, or `local` without a name. Raises `UsageError`."""
    from rubyops.wiring import Names, wire

    environment = config.environment(name)
    names = Names(find_command, find_check, find_flow, shipped)
    return wire(environment, _facts(environment), sealed_results(config.results_home()), names)


def _facts(environment: Environment) -> EnvironmentFacts:
    return EnvironmentFacts(
        environment.name,
        environment.topology,
        environment.copies,
        environment.seed_players,
        commit(),
        code_digest(),
    )


def quiet_session(services: "EnvironmentServices") -> "Session":
    """Return a session that reports nothing and is never stopped, for commands that only read."""
    return services.session(Silent(), StopSignal())


def server_programs() -> str:
    """Return the paths of PostgreSQL and Valkey as text. Raises `UsageError` if one is missing."""
    return f"PostgreSQL {binaries.postgres_bin()}, Valkey {binaries.valkey_server()}"


def find_command(name: str) -> Command[Any]:
    """Import a command by its name. Raises `UsageError`."""
    _known(name, COMMANDS, "command")
    found: Command[Any] = import_module(COMMANDS[name].place).COMMAND
    return found


def find_check(name: str) -> Check:
    """Import a check by its name. Raises `UsageError`."""
    _known(name, CHECKS, "check")
    found: Check = import_module(CHECKS[name].place).CHECK
    return found


def find_flow(name: str) -> "Flow":
    """Return a flow by its name. Raises `UsageError`."""
    flows: Mapping[str, Flow] = import_module("commands.flows").FLOWS
    _known(name, flows, "flow")
    return flows[name]


def library() -> Library:
    """Return the names that a playbook may use."""
    return Library(tuple(COMMANDS), tuple(CHECKS), find_command, find_check)


def playbook(name: str, given: Mapping[str, str] | None = None) -> Playbook:
    """Load a playbook of rubyops by its name, or any playbook file by its path."""
    return load_playbook(playbook_path(name), library(), given)


def playbook_path(name: str) -> Path:
    """Return the path of a playbook's file, by name or path. Raises `UsageError`."""
    if name.endswith((".yaml", ".yml")) or os.sep in name:
        return Path(name)
    _known(name, PLAYBOOKS, "playbook")
    return Path(str(playbooks.__file__)).parent / PLAYBOOKS[name].place


def shipped(name: str, given: Mapping[str, str]) -> Playbook:
    """Load a playbook of rubyops by its name; a path is refused. Raises `UsageError`."""
    _known(name, PLAYBOOKS, "playbook")
    return playbook(name, given)


def single_step(name: str, params: object) -> Playbook:
    """Make a playbook of one step for a single command from the command line."""
    _known(name, COMMANDS, "command")
    title = COMMANDS[name].summary.rstrip(".")
    step = Step(name, title, "command", name, params, (), 0)
    return Playbook(name, step.title, "task", (step,), {}, COMMAND_LINE)


def _known(name: str, table: Mapping[str, object], what: str) -> None:
    if name not in table:
        raise UsageError(
            f"there is no {what} {name!r}{suggest(name, list(table))} (known: {', '.join(table)})"
        )


@cache
def commit() -> str:
    """Return the commit of this checkout (see `name_commit`), read once for each process."""
    return _commit_now()


def sealed_results(home: Path) -> SealedResults:
    """Open the sealed test results of this checkout.

    A new result is stored only if commit and source files did not change during the tests.
    """
    return SealedResults(home, commit(), code_digest(), lambda: (_commit_now(), code_digest()))


def _commit_now() -> str:
    return name_commit(config.CHECKOUT, config.results_home().parent)
